"""The seam between the pipeline and whatever makes pictures and words.

Adapters of other distributions (``worker.providers.entry_points``) import from here, and from
nowhere else in genq: what this module names stays.
"""

from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import JsonValue

from schemas.claim import Claim
from schemas.errors import (
    GenqError,
    InputError,
    ModelAuthError,
    ModelBadAnswerError,
    ModelError,
    ModelRateLimitedError,
    ModelRefusedError,
    ModelTimeoutError,
    ModelUnavailableError,
    SettingsError,
)
from schemas.generation import Kind, Usage
from schemas.model_catalog import ModelServer, ModelSpec
from worker.providers.audio import Audio, read_audio
from worker.providers.picture import Picture, read_picture
from worker.providers.plain_calls import HttpReply, PlainCalls
from worker.providers.provider_parts import ProviderParts

__all__ = [
    "Audio",
    "Claim",
    "GenqError",
    "HttpReply",
    "InputError",
    "Kind",
    "ModelAuthError",
    "ModelBadAnswerError",
    "ModelError",
    "ModelRateLimitedError",
    "ModelRefusedError",
    "ModelServer",
    "ModelSpec",
    "ModelTimeoutError",
    "ModelUnavailableError",
    "Picture",
    "PlainCalls",
    "Provider",
    "ProviderFactory",
    "ProviderParts",
    "Providers",
    "Reply",
    "SettingsError",
    "Usage",
    "read_audio",
    "read_picture",
]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model gave for one job.

    Attributes:
        pictures: At least one for kinds of pictures; their headers are read and believable.
        audio: What was spoken, for kind ``speech``; its header is read.
        text: The words of a chat or completion: of the first, if there are several.
        usage: What the call consumed, as far as the server told.
        details: What else of the answer is worth keeping, fit for ``jsonb``: for texts
            ``finish_reason``, ``message`` (tool calls and the like) and ``logprobs``, and where
            there are several, ``choices`` with these and ``text`` of each; for images
            ``revised_prompts``; ``embeddings`` (see ``schemas.embedding_vectors``) and their
            ``dimensions``.
    """

    pictures: tuple[Picture, ...] = ()
    text: str | None = None
    audio: Audio | None = None
    usage: Usage = field(default_factory=Usage)
    details: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])

    @property
    def files(self) -> tuple[Picture | Audio, ...]:
        """What is to be stored, in its order."""
        return self.pictures if self.audio is None else (*self.pictures, self.audio)

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(len(file.data) for file in self.files)

    @property
    def pixels(self) -> int:
        """Those of all pictures."""
        return sum(picture.width * picture.height for picture in self.pictures)


class Provider(Protocol):
    """Runs jobs on one model server."""

    async def generate(self, claim: Claim) -> Reply:
        """Ask the model once.

        Cancelling the task closes the connection, so that the server can stop working.

        Raises:
            GenqError: The taxonomy's word for what went wrong, ``retry_after`` included.
        """
        ...


class ProviderFactory(Protocol):
    """Makes the provider of one model server; what an entry point leads to.

    Attributes:
        kinds: Of jobs that it runs, such as ``("image", "chat")``.
    """

    kinds: Collection[str]

    def __call__(self, server: ModelServer, parts: ProviderParts, /) -> Provider:
        """Return the provider; nothing is connected yet.

        Args:
            server: As configured.
            parts: What genq opens for it, on the event loop that will use it.

        Raises:
            SettingsError: The server's settings cannot be used.
        """
        ...


class Providers:
    """The providers of a process, by the name of their model server."""

    def __init__(
        self, by_server: Mapping[str, Provider], closing: AsyncExitStack | None = None
    ) -> None:
        self._by_server = dict(by_server)
        self._closing = closing

    def of(self, server: ModelServer) -> Provider:
        """Return the provider that was opened for ``server``."""
        return self._by_server[server.name]

    async def close(self) -> None:
        """Close every connection. Calls that still run fail."""
        if self._closing is not None:
            await self._closing.aclose()

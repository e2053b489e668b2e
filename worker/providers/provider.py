"""The seam between the pipeline and whatever makes pictures and words."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import JsonValue

from schemas.claim import Claim
from schemas.generation import Usage
from schemas.model_catalog import ModelServer
from worker.providers.picture import Picture


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model gave for one job.

    Attributes:
        pictures: At least one for kinds of pictures; their headers are read and believable.
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
    usage: Usage = field(default_factory=Usage)
    details: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])


class Provider(Protocol):
    """Runs jobs on one model server."""

    async def generate(self, claim: Claim) -> Reply:
        """Ask the model once.

        Cancelling the task closes the connection, so that the server can stop working.

        Raises:
            GenqError: The taxonomy's word for what went wrong, ``retry_after`` included.
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

"""What model servers speak."""

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import PlainValidator

from schemas.generation import Kind


class Protocol(StrEnum):
    """The API of a model server.

    Attributes:
        OPENAI: OpenAI's.
        COG: That of containers which Replicate's Cog builds.
        COMFYUI: ComfyUI's.
        HTTP: Any other: each model's ``call`` describes it.
    """

    OPENAI = "openai"
    COG = "cog"
    COMFYUI = "comfyui"
    HTTP = "http"


KINDS_OF: Final[Mapping[Protocol, frozenset[Kind]]] = MappingProxyType(
    {
        Protocol.OPENAI: frozenset(Kind),
        Protocol.COG: frozenset({Kind.IMAGE, Kind.IMAGE_EDIT, Kind.COMPLETION}),
        Protocol.COMFYUI: frozenset({Kind.IMAGE, Kind.IMAGE_EDIT}),
        Protocol.HTTP: frozenset(Kind),
    }
)
"""The kinds of jobs that genq runs over each."""

ENTRY_POINTS: Final = "genq.providers"
"""The group of entry points by which other distributions bring adapters."""
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")


def _protocol(value: object) -> Protocol | str:
    if value in list(Protocol):
        return Protocol(value)
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        known = ", ".join(Protocol)
        raise ValueError(f"must be {known}, or the name of an installed adapter")
    return value


AnyProtocol = Annotated[Protocol | str, PlainValidator(_protocol)]
"""A protocol that genq speaks, or the name of an adapter that somebody else wrote."""

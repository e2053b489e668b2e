"""What model servers speak."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from schemas.generation import Kind


class Protocol(StrEnum):
    """The API of a model server.

    Attributes:
        OPENAI: OpenAI's.
        COG: That of containers which Replicate's Cog builds.
    """

    OPENAI = "openai"
    COG = "cog"


KINDS_OF: Final[Mapping[Protocol, frozenset[Kind]]] = MappingProxyType(
    {
        Protocol.OPENAI: frozenset(Kind),
        Protocol.COG: frozenset({Kind.IMAGE, Kind.IMAGE_EDIT, Kind.COMPLETION}),
    }
)
"""The kinds of jobs that genq runs over each."""

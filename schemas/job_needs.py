"""What a job needs a server to be able to do. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from schemas.cost import asked_tokens
from schemas.generation import Kind
from schemas.route_document import Capabilities


@dataclass(frozen=True, slots=True)
class Needs:
    """What a server must be able to do for a job.

    Attributes:
        images: How many pictures it asks for; 0: none.
        edits: It edits pictures.
        vision: Its messages hold pictures.
        tokens: How long its input is, roughly.
    """

    images: int = 0
    edits: bool = False
    vision: bool = False
    tokens: int = 0

    def missing(self, can: Capabilities) -> str | None:
        """Return what is beyond the server, in words; ``None``: nothing is.

        The length of the input is told by ``too_long``.
        """
        if can.max_images is not None and self.images > can.max_images:
            return f"{self.images} pictures at once: at most {can.max_images}"
        if self.edits and can.edits is False:
            return "edits of pictures"
        if self.vision and can.vision is False:
            return "pictures in messages"
        return None

    def too_long(self, can: Capabilities) -> bool:
        """Return whether the input is longer than the server's model can take."""
        return can.max_context_tokens is not None and self.tokens > can.max_context_tokens


def needs_of(kind: Kind, parameters: Mapping[str, Any]) -> Needs:
    """Return what a job with these parameters needs."""
    if kind.pictures:
        return Needs(int(parameters.get("n") or 1), edits=kind is Kind.IMAGE_EDIT)
    messages = cast("Sequence[Mapping[str, object]]", parameters.get("messages") or ())
    if not any(map(_shows, messages)):
        return Needs(tokens=asked_tokens(parameters))
    # How long a picture is in base64 says nothing of how many tokens it takes.
    read = {"messages": [text for message in messages for text in _texts(message)]}
    return Needs(vision=True, tokens=asked_tokens(read))


def _parts(message: Mapping[str, object]) -> Sequence[Mapping[str, object]]:
    content = message.get("content")
    if isinstance(content, list | tuple):
        return cast("Sequence[Mapping[str, object]]", content)
    return [{"type": "text", "text": content}]


def _shows(message: Mapping[str, object]) -> bool:
    """Return whether a message holds a picture."""
    return any(part.get("type") == "image_url" for part in _parts(message))


def _texts(message: Mapping[str, object]) -> list[object]:
    return [part.get("text") for part in _parts(message)]

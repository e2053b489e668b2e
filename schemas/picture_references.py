"""Where the pictures of an input stand, and in which ways one may be named.

A picture is in the JSON (a data URL), stored (``file-…``), made by a job (``job_…/0``), or lies
somewhere else (an https URL). Whoever names one never sends a model server to fetch it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, cast

from schemas.generation import Kind

Place = tuple[str | int, ...]

MOST_SHOWN: Final = 64
"""Pictures of one conversation."""
IMAGE_URL: Final = "image_url"
_URL: Final = "url"
_MASK: Final = "mask"
_DATA: Final = "data:"
# Base64 alone, which some clients send: how PNG, JPEG, WebP and GIF files begin.
_BARE: Final = ("iVBORw0KGgo", "/9j/", "UklGR", "R0lGOD")
_SHORTEST_BARE: Final = 64
_REMOTE: Final = ("https://", "http://")
_FILE: Final = re.compile(r"file-[0-7][0-9a-z]{25}", re.ASCII)
_MADE: Final = re.compile(r"job_[0-7][0-9a-z]{25}/(?:0|[1-9]\d{0,2})", re.ASCII)


class Source(StrEnum):
    """Where a picture lies."""

    INLINE = "inline"
    FILE = "file"
    MADE = "made"
    REMOTE = "remote"


@dataclass(frozen=True, slots=True)
class PictureReference:
    """One picture of an input.

    Attributes:
        place: The steps to its text from the input.
        text: A data URL, an id, or an https URL.
        mask: It says where to edit.
    """

    place: Place
    text: str
    mask: bool = False


def source_of(text: str) -> Source | None:
    """Return where the picture lies that a text names; ``None``: it names none.

    Base64 alone is in the JSON as well, if it begins as a picture does.
    """
    scheme = text[:8].lower()
    bare = len(text) >= _SHORTEST_BARE and text.startswith(_BARE)
    if bare or scheme.startswith(_DATA):
        return Source.INLINE
    if scheme.startswith(_REMOTE):
        return Source.REMOTE
    if _FILE.fullmatch(text):
        return Source.FILE
    return Source.MADE if _MADE.fullmatch(text) else None


def references_of(kind: Kind, given: Mapping[str, Any]) -> Iterator[PictureReference]:
    """Yield the pictures of an input in their order; the mask of an edit comes last.

    Of a conversation: whatever is called ``image_url`` in a message's parts, however deep, as a
    text or with its ``url``. Model servers read either.

    What has another shape than it should is passed over: whoever checks inputs refuses it.
    """
    if kind is Kind.IMAGE_EDIT:
        for n, text in enumerate(_list(given.get("images"))):
            if isinstance(text, str):
                yield PictureReference(("images", n), text)
        mask: object = given.get(_MASK)
        if isinstance(mask, str):
            yield PictureReference((_MASK,), mask, mask=True)
    elif kind is Kind.CHAT:
        for place, content in contents_of(given):
            yield from _in(place, content)


def contents_of(given: Mapping[str, Any]) -> Iterator[tuple[Place, object]]:
    """Yield what messages have that hold more than words, and where it stands."""
    for n, message in enumerate(_list(given.get("messages"))):
        if isinstance(message, dict):
            content = cast("dict[str, object]", message).get("content")
            if isinstance(content, list):
                yield ("messages", n, "content"), cast("object", content)


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _in(place: Place, value: object) -> Iterator[PictureReference]:
    if isinstance(value, dict):
        for name, member in cast("dict[str, object]", value).items():
            within = (*place, name)
            if name == IMAGE_URL:
                yield from _named(within, member)
            elif isinstance(member, dict | list):
                yield from _in(within, cast("object", member))
    elif isinstance(value, list):
        for n, item in enumerate(cast("list[object]", value)):
            yield from _in((*place, n), item)


def _named(place: Place, value: object) -> Iterator[PictureReference]:
    if isinstance(value, dict):
        place, value = (*place, _URL), cast("dict[str, object]", value).get(_URL)
    if isinstance(value, str):
        yield PictureReference(place, value)

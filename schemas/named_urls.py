"""URLs in an input that a model server would be sent to, if they were passed on."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from schemas.generation import Kind
from schemas.picture_references import Place, contents_of, references_of

_SCHEME: Final = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*:")
_WITH_HOST: Final = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*://")
_URL_NAMES: Final = frozenset({"url", "image_url", "file_url", "video_url", "audio_url"})
_INLINE: Final = "data:"
_EXTRA: Final = "extra_body"
_ENDS: Final = ("url", "urls")


def urls_of(kind: Kind, given: Mapping[str, Any]) -> Iterator[tuple[Place, str, bool]]:
    """Yield the URLs of an input that name no picture which is read here.

    Each with its place, and whether a model server is not to see it. That is so of all in the
    messages of a conversation, and of those in ``extra_body`` in a member whose name ends in
    ``url`` or ``urls``: model servers fetch what stands there, from wherever they are. Data
    URLs, and text that people wrote, are passed over.
    """
    shown = {one.place for one in references_of(kind, given)}
    for place, content in contents_of(given):
        for at, url in _urls_in(place, content):
            if at not in shown:
                yield at, url, True
    extra: object = given.get(_EXTRA)
    if extra:
        for at, url in _urls_in((_EXTRA,), extra):
            yield at, url, _name_of(at).endswith(_ENDS)


def _name_of(place: Place) -> str:
    """Return what a member is called; the items of a list are what the list is called."""
    return next(step for step in reversed(place) if isinstance(step, str)).lower()


def _urls_in(place: Place, value: object) -> Iterator[tuple[Place, str]]:
    """Walk through JSON whose depth was checked; text that people wrote is passed over."""
    if isinstance(value, dict):
        for name, member in cast("dict[str, object]", value).items():
            if name != "text":
                yield from _urls_in((*place, name), member)
    elif isinstance(value, list):
        for n, item in enumerate(cast("list[object]", value)):
            yield from _urls_in((*place, n), item)
    elif isinstance(value, str):
        expected = _name_of(place) in _URL_NAMES and _SCHEME.match(value)
        inline = value.lstrip()[: len(_INLINE)].lower() == _INLINE
        if (expected or _WITH_HOST.match(value)) and not inline:
            yield place, value

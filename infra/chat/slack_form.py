"""Slack's forms, read strictly: what could be read in two ways is refused. Pure."""

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from schemas.chat_errors import ChatUnreadableError

_FIELDS: Final = 200
_BROKEN: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def form_of(body: bytes) -> dict[str, str]:
    """Return the fields of an ``application/x-www-form-urlencoded`` body.

    Raises:
        ChatUnreadableError: A field is there twice, an escape is broken, a value is not UTF-8
            or holds NUL, or there are too many.
    """
    pieces = body.split(b"&", _FIELDS)
    if len(pieces) > _FIELDS:
        raise ChatUnreadableError(f"the form has more than {_FIELDS} fields")
    form: dict[str, str] = {}
    for piece in pieces:
        name, _, value = piece.partition(b"=")
        key = _text(name)
        if key in form:
            raise ChatUnreadableError("a field of the form is there twice")
        if key:
            form[key] = _text(value)
    return form


def _text(encoded: bytes) -> str:
    if _BROKEN.search(encoded):
        raise ChatUnreadableError("a percent escape of the form is broken")
    try:
        text = unquote_to_bytes(encoded.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        raise ChatUnreadableError("the form is not UTF-8") from None
    if "\0" in text:
        raise ChatUnreadableError("the form holds a NUL character")
    return text

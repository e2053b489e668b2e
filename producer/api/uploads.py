"""One file in a request: as it is, or in a form (RFC 7578)."""

import re
from typing import Final

from starlette.requests import Request

from producer.api.bodies import read_body
from producer.api.http_errors import UnsupportedMediaTypeError
from schemas.errors import FieldError, InputError

_BOUNDARY: Final = re.compile(r"(?i)boundary=(?:\"([^\"]{1,70})\"|([^\s;,\"]{1,70}))")
_FILE: Final = "file"
_HEADERS: Final = 4_096
_PARTS: Final = 20
_PICTURES: Final = frozenset(
    {"image/png", "image/jpeg", "image/webp", "application/octet-stream"}
)


def sends_file(request: Request) -> bool:
    """Tell whether a request's body is a file, by its Content-Type."""
    media_type = _media_type(request)
    return media_type == "multipart/form-data" or media_type in _PICTURES


async def read_file(request: Request, limit: int) -> bytes:
    """Return the file that a request carries.

    Args:
        request: ``sends_file`` said yes to it.
        limit: The most bytes its whole body may have.

    Raises:
        UnsupportedMediaTypeError: It is compressed.
        PayloadTooLargeError: It is larger than ``limit``; no more than that is held.
        InputError: The form has no part named ``file``.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise UnsupportedMediaTypeError(
            f"Content-Encoding {encoding} is not accepted; send the body as it is"
        )
    body = await read_body(request, limit)
    if _media_type(request) != "multipart/form-data":
        return body
    match = _BOUNDARY.search(request.headers.get("content-type", ""))
    found = _part(body, (match[1] or match[2]).encode()) if match else None
    if found is None:
        fault = FieldError("/file", "the form needs a part of this name: the picture")
        raise InputError("the form has no file", fields=[fault])
    return found


def _part(body: bytes, boundary: bytes) -> bytes | None:
    """Return the content of the part named ``file``, or of the only one there is."""
    mark = b"--" + boundary
    pieces = (b"\r\n" + body).split(b"\r\n" + mark, _PARTS)[1:]
    contents: list[bytes] = []
    for piece in pieces:
        if piece.startswith(b"--"):
            break
        head, separator, content = piece.partition(b"\r\n\r\n")
        if not separator or len(head) > _HEADERS:
            continue
        if f'name="{_FILE}"'.encode() in head:
            return content
        contents.append(content)
    return contents[0] if len(contents) == 1 else None


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()

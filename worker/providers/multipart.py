"""Files and parameters in one body, as ``multipart/form-data`` (RFC 7578)."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from worker.providers.server_calls import Content


@dataclass(frozen=True, slots=True)
class FormFile:
    """A file of a form; ``name`` is the parameter's."""

    name: str
    filename: str
    content_type: str
    data: bytes = field(repr=False)


def form_of(parameters: Mapping[str, Any], files: Iterable[FormFile]) -> Content:
    """Return a form.

    Args:
        parameters: Texts go as they are, all else as JSON: ``true``, ``7``, ``{"a": 1}``.
        files: In their order, behind the parameters.
    """
    boundary = f"genq{secrets.token_hex(16)}"
    parts: list[bytes] = []
    for name, value in parameters.items():
        data = value.encode() if isinstance(value, str) else orjson.dumps(value)
        parts += [_head(boundary, f'name="{_quoted(name)}"'), b"\r\n", data, b"\r\n"]
    for file in files:
        about = f'name="{_quoted(file.name)}"; filename="{_quoted(file.filename)}"'
        kind = f"Content-Type: {file.content_type}\r\n\r\n".encode()
        parts += [_head(boundary, about), kind, file.data, b"\r\n"]
    parts.append(f"--{boundary}--\r\n".encode())
    return Content(b"".join(parts), f"multipart/form-data; boundary={boundary}")


def _head(boundary: str, about: str) -> bytes:
    return f"--{boundary}\r\nContent-Disposition: form-data; {about}\r\n".encode()


def _quoted(name: str) -> str:
    """Return a name as browsers write it in a head (HTML, multipart/form-data encoding)."""
    return name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")

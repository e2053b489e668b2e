"""HTTP without a socket: what a platform is sent, and what it answers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast
from urllib.parse import parse_qsl

import orjson

_NOTHING: Final[Mapping[str, str]] = {}
_JSON: Final = "application/json"
_PARAMETER: Final = re.compile(r';\s*([\w*]+)=(?:"([^"]*)"|([^;\s]*))')


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart body; ``filename`` is ``None`` for a plain field."""

    name: str
    filename: str | None
    media_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Names of headers are in lower case; ``path`` is as it was written."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    headers: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    body: bytes = b""

    @property
    def media_type(self) -> str:
        """The type of its body, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a platform answers."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    media_type: str = _JSON

    @property
    def json(self) -> Any:
        """The body read; ``None``: it is empty or no JSON."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None


class RefusedError(Exception):
    """The platform answers with an error.

    Attributes:
        answer: Which.
        expected: What was played before (a deleted message, a bot that was removed) leads to
            it: it says nothing against the bot.
    """

    def __init__(self, answer: Answer, why: str, *, expected: bool = False) -> None:
        super().__init__(why)
        self.answer = answer
        self.expected = expected


class DroppedError(Exception):
    """The connection breaks off instead of an answer: what was asked is done all the same."""


class UnreadableError(ValueError):
    """A body is not what its type says."""


def said(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer in JSON."""
    return Answer(status, orjson.dumps(body), headers or {})


def read_json(body: bytes | str) -> Any:
    """Return what the JSON says.

    Raises:
        UnreadableError: It is none.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise UnreadableError("this is no JSON") from None


def form_of(request: Request) -> dict[str, str]:
    """Return the fields of an URL-encoded body.

    Raises:
        UnreadableError: It is none, or names a field twice.
    """
    try:
        pairs = parse_qsl(
            request.body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(request.body),
            errors="strict",
        )
    except ValueError:
        raise UnreadableError("this is no form") from None
    if len(dict(pairs)) != len(pairs):
        raise UnreadableError("a field is there twice")
    return dict(pairs)


def parts_of(request: Request) -> list[Part]:
    """Return the parts of a multipart body (RFC 7578).

    Raises:
        UnreadableError: It is none.
    """
    told = _parameters(request.headers.get("content-type", ""))
    if "boundary" not in told:
        raise UnreadableError("there is no boundary")
    mark = b"--" + told["boundary"].encode()
    first, *pieces = (b"\r\n" + request.body).split(b"\r\n" + mark)
    if first or not pieces or not pieces[-1].startswith(b"--"):
        raise UnreadableError("the parts do not begin or end as they must")
    return [_part(piece) for piece in pieces[:-1]]


def _part(piece: bytes) -> Part:
    head, found, data = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    if not found:
        raise UnreadableError("a part has no head")
    headers: dict[str, str] = {}
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    told = _parameters(headers.get("content-disposition", ""))
    if "name" not in told:
        raise UnreadableError("a part has no name")
    media_type = headers.get("content-type", "text/plain").partition(";")[0]
    return Part(told["name"], told.get("filename"), media_type, data)


def _parameters(header: str) -> dict[str, str]:
    found = _PARAMETER.findall(";" + header.partition(";")[2])
    return {name.lower(): quoted or plain for name, quoted, plain in found}


def listed(told: Mapping[str, Any], name: str) -> list[Any]:
    """Return a list in a body; empty: it is missing or null."""
    return told.get(name) or []


def nested(told: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return an object in a body; empty: it is missing or null."""
    return told.get(name) or {}


def object_of(value: object) -> dict[str, Any] | None:
    """Return a JSON object as what it is; ``None``: it is something else."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def list_of(value: object) -> list[Any] | None:
    """Return a JSON array as what it is; ``None``: it is something else."""
    return cast("list[Any]", value) if isinstance(value, list) else None

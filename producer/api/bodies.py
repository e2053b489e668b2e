"""JSON in and out: read within the limit, parsed once, refused with the place of each fault.

orjson parses (it refuses NaN, infinities and half surrogates by itself), pydantic checks. Two
more things are refused wherever they stand: U+0000, which PostgreSQL's jsonb cannot hold, and
nesting that would be too deep for one of the libraries on the way.
"""

import difflib
import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, TypeVar, cast, get_args

import orjson
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from producer.api.http_errors import UnsupportedMediaTypeError
from producer.input_rules import (
    MAX_DEPTH,
    MAX_MEMBERS,
    MOST_FAULTS,
    pointer_to,
    too_deep,
    too_many,
)
from schemas.errors import FieldError, InputError, PayloadTooLargeError

Model = TypeVar("Model", bound=BaseModel)

_NUL_ESCAPE: Final = b"\\u0000"
_POINTER_STEPS: Final = 4
# So long a list of numbers is looked through at once.
_MANY: Final = 100
_NO_OBJECT: Final = frozenset({"model_type", "model_attributes_type"})
# What orjson says of more than a thousand levels.
_TOO_DEEP: Final = "depth limit"


async def read_json(request: Request, limit: int) -> Any:
    """Return the parsed JSON body.

    Args:
        request: Whose body has not been read yet.
        limit: The most bytes it may have.

    Raises:
        UnsupportedMediaTypeError: It is not declared as JSON, or it is compressed.
        PayloadTooLargeError: It is larger than ``limit``; no more than that is held.
        InputError: It is not JSON, or holds U+0000.
        ClientDisconnect: The client left before it was complete.
    """
    value, suspicious = await read_unchecked(request, limit)
    if suspicious:
        refuse_unstorable(value)
    return value


async def read_optional_json(request: Request, limit: int) -> Any:
    """Return the parsed JSON body; nothing at all is an empty object. Else as ``read_json``."""
    headers = request.headers
    if "transfer-encoding" not in headers and headers.get("content-length", "0") == "0":
        return {}
    return await read_json(request, limit)


async def read_unchecked(request: Request, limit: int) -> tuple[Any, bool]:
    """Return the parsed JSON body, and whether ``refuse_unstorable`` has to look at it.

    For large bodies, whose parts are looked at one by one.

    Raises:
        InputError: It is not JSON. Else as ``read_json``.
    """
    _require_json(request)
    body = await read_body(request, limit)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if _TOO_DEEP in str(error):
            raise InputError("the body is not acceptable", fields=[too_deep("")]) from None
        raise InputError(f"the body is not valid JSON: {error}") from None
    # The bytes tell cheaply that nearly every body needs no walk.
    suspicious = (
        _NUL_ESCAPE in body
        or body.count(b"[") + body.count(b"{") > MAX_DEPTH
        or body.count(b",") >= MAX_MEMBERS // 2
    )
    return value, suspicious


def refuse_unstorable(value: object) -> None:
    """Walk through JSON that may be nested too deep, or hold U+0000.

    Raises:
        InputError: It does.
    """
    faults = list(islice(_unstorable(value), MOST_FAULTS))
    if faults:
        raise InputError("the body cannot be stored", fields=faults)


def check(model: type[Model], value: Any) -> Model:
    """Return ``value`` as ``model``.

    Raises:
        InputError: It does not fit; every fault is named.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        faults = field_errors(error, model)
        raise InputError("the body is not acceptable", fields=faults) from None


def field_errors(error: ValidationError, model: type[BaseModel]) -> list[FieldError]:
    """Return the first faults in a ``model`` as JSON pointers, with suggestions for names."""
    found: dict[str, str] = {}
    # To look for a name that is close takes its time, and a body may have 100,000 unknown ones.
    for fault in error.errors(include_input=False, include_url=False)[:MOST_FAULTS]:
        place = fault["loc"]
        if fault["type"] == "extra_forbidden":
            found[pointer_to(place)] = _unknown(place, model)
        elif fault["type"] in _NO_OBJECT:
            # Pydantic's words name a class of ours.
            found.setdefault(pointer_to(place), "must be an object")
        else:
            message = fault["msg"].removeprefix("Value error, ")
            found.setdefault(pointer_to(place), message)
    return [FieldError(pointer, message) for pointer, message in found.items()]


def encode(value: Mapping[str, Any]) -> bytes:
    """Return JSON bytes.

    PostgreSQL writes 1e30 in full, as an integer that orjson refuses to write again.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Return ``; did you mean x?``, or the known names if none is close."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}"


def _require_json(request: Request) -> None:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise UnsupportedMediaTypeError(
            f"Content-Encoding {encoding} is not accepted; send the body as it is"
        )
    declared = request.headers.get("content-type")
    if declared is None:
        return
    media_type = declared.partition(";")[0].strip().lower()
    if media_type == "application/json":
        return
    if not (media_type.startswith("application/") and media_type.endswith("+json")):
        raise UnsupportedMediaTypeError(
            f"Content-Type {media_type or 'of no value'} is not accepted; "
            "send JSON with Content-Type: application/json"
        )


async def read_body(request: Request, limit: int) -> bytes:
    """Return the body as it came.

    Args:
        request: Whose body has not been read yet.
        limit: The most bytes it may have.

    Raises:
        PayloadTooLargeError: It is larger than ``limit``; no more than that is held.
        ClientDisconnect: The client left before it was complete.
    """
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    received = bytearray()
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        received += message.get("body", b"")
        if len(received) > limit:
            raise _too_large(limit)
        if not message.get("more_body", False):
            return bytes(received)


def _too_large(limit: int) -> PayloadTooLargeError:
    return PayloadTooLargeError(f"the body may have {limit} bytes at the most")


def _unknown(place: Sequence[str | int], model: type[BaseModel]) -> str:
    fields = _fields_at(place[:-1], model)
    hint = f"; {did_you_mean(str(place[-1]), fields)}" if fields else ""
    return f"unknown field{hint}"


def _fields_at(place: Sequence[str | int], model: type[BaseModel]) -> list[str]:
    """Return the field names of the model that stands at ``place`` inside ``model``."""
    current: type[BaseModel] | None = model
    for step in place:
        field = current.model_fields.get(str(step)) if current else None
        if field is not None:
            current = _model_in(field.annotation)
        elif not isinstance(step, int):
            return []
    return list(current.model_fields) if current else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return annotation
    return next((m for a in get_args(annotation) if (m := _model_in(a)) is not None), None)


def _unstorable(value: object) -> Iterator[FieldError]:
    pending: list[tuple[tuple[str | int, ...], object]] = [((), value)]
    met = 0
    while pending or met > MAX_MEMBERS:
        if met + len(pending) > MAX_MEMBERS:
            yield too_many("")
            return
        place, current = pending.pop()
        met += 1
        if len(place) > MAX_DEPTH:
            yield too_deep(pointer_to(place[:_POINTER_STEPS]))
            return
        if isinstance(current, dict):
            members = cast("dict[str, object]", current)
            pending.extend(((*place, name), member) for name, member in members.items())
            found = any("\x00" in name for name in members)
        elif isinstance(current, list):
            items = cast("list[object]", current)
            if len(items) > _MANY and all(type(item) is int for item in items):
                # Tokens: numbers hold nothing that could be wrong but their number.
                met += len(items)
            else:
                pending.extend(((*place, n), item) for n, item in enumerate(items))
            found = False
        else:
            found = isinstance(current, str) and "\x00" in current
        if found:
            yield FieldError(pointer_to(place), "must not contain the character U+0000")

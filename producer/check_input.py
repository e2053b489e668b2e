"""The model parameters of a request: checked by kind, and of a form that can be stored."""

import difflib
import re
from collections.abc import Mapping
from typing import Any, Final, cast

import orjson
from pydantic import ValidationError

from producer.input_rules import MOST_FAULTS, pointer_to
from schemas.errors import FieldError, InputError
from schemas.generation import INPUTS, refuse_repeated, wire_parameters
from schemas.job import JobRequest

# The character as JSON writes it; behind an odd backslash it is the text "\\u0000" instead.
_LEAST: Final = -(1 << 63)
_MOST: Final = (1 << 64) - 1
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def check_input(request: JobRequest) -> Mapping[str, Any]:
    """Return the model parameters, checked for the job's kind.

    Raises:
        InputError: With one field error per fault, pointing into ``/input``.
    """
    shape = INPUTS[request.kind]
    try:
        parameters = wire_parameters(shape.model_validate(request.input))
    except ValidationError as error:
        faults = [
            FieldError(
                pointer_to(("input", *fault["loc"])),
                _explain(fault["type"], fault["msg"], fault["loc"], shape.model_fields),
            )
            for fault in error.errors(include_input=False, include_url=False)[:MOST_FAULTS]
        ]
        raise InputError(
            f"input is not valid for kind {request.kind.value}: "
            f"{faults[0].pointer}: {faults[0].message}",
            fields=faults,
        ) from None
    refuse_repeated(parameters.get("extra_body") or {}, request.kind)
    try:
        as_json = orjson.dumps(parameters)
    except orjson.JSONEncodeError:
        # Of a job that is repeated: PostgreSQL gives 1e30 back as an integer of 31 digits.
        parameters = cast("Mapping[str, Any]", _as_sent(parameters))
        as_json = orjson.dumps(parameters)
    if _NUL.search(as_json):
        message = "input contains the character U+0000; remove it"
        raise InputError(message, fields=[FieldError("/input", message)])
    return parameters


def _as_sent(value: object) -> object:
    """Return integers beyond 64 bits as the floats that JSON readers make of them."""
    if isinstance(value, int) and not _LEAST <= value <= _MOST:
        return float(value)
    if isinstance(value, Mapping):
        return {k: _as_sent(v) for k, v in cast("Mapping[str, object]", value).items()}
    if isinstance(value, list):
        return [_as_sent(item) for item in cast("list[object]", value)]
    return value


def _explain(kind: str, message: str, place: tuple[Any, ...], known: Mapping[str, Any]) -> str:
    if kind != "extra_forbidden":
        return message.removeprefix("Value error, ")
    close = difflib.get_close_matches(str(place[-1]), known, n=1)
    if close:
        return f"unknown parameter; did you mean {close[0]}?"
    return "unknown parameter; parameters of one model server go into extra_body"

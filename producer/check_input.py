"""The model parameters of a request: checked by kind, and of a form that can be stored."""

import difflib
import re
from collections.abc import Mapping
from typing import Any, Final

import orjson
from pydantic import ValidationError

from producer.input_rules import MOST_FAULTS, pointer_to
from schemas.errors import FieldError, InputError
from schemas.generation import INPUTS, refuse_repeated, wire_parameters
from schemas.job import JobRequest

# The character as JSON writes it; behind an odd backslash it is the text "\\u0000" instead.
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
        message = "input holds a number that does not fit into 64 bits; write it as a string"
        raise InputError(message, fields=[FieldError("/input", message)]) from None
    if _NUL.search(as_json):
        message = "input contains the character U+0000; remove it"
        raise InputError(message, fields=[FieldError("/input", message)])
    return parameters


def _explain(kind: str, message: str, place: tuple[Any, ...], known: Mapping[str, Any]) -> str:
    if kind != "extra_forbidden":
        return message.removeprefix("Value error, ")
    close = difflib.get_close_matches(str(place[-1]), known, n=1)
    if close:
        return f"unknown parameter; did you mean {close[0]}?"
    return "unknown parameter; parameters of one model server go into extra_body"

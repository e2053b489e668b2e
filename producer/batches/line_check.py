"""One line of a batch's input file: what it must be, whatever its endpoint is. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, cast

import orjson

MAX_CUSTOM_ID: Final = 512
_KEYS: Final = ("custom_id", "method", "url", "body")
_SHOWN: Final = 64
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")


class LineFault(NamedTuple):
    """What is wrong with a line, in OpenAI's words where it has some."""

    code: str
    message: str
    param: str | None = None


class InputLine(NamedTuple):
    """A line that is in order, as far as that can be told without its endpoint."""

    custom_id: str
    body: Mapping[str, Any]


def check_line(data: bytes | None, endpoint: str, *, longest: int) -> InputLine | LineFault:
    """Return what a line asks for, or what is wrong with it.

    Args:
        data: Its bytes; ``None``: it is longer than ``longest``.
        endpoint: What every line of the batch must ask for.
        longest: The most bytes of a line.
    """
    if data is None:
        return LineFault(
            "line_too_long",
            f"This line is longer than {longest} bytes, the most that one request may have.",
        )
    try:
        line: Any = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        return _not_json(data, error)
    if type(line) is not dict:
        return LineFault(
            "invalid_json_line",
            f"This line is {_type_of(line)}; every line must be a JSON object.",
        )
    members = cast("dict[str, Any]", line)
    custom_id, body = members.get("custom_id"), members.get("body")
    if (
        type(custom_id) is str
        and 0 < len(custom_id) <= MAX_CUSTOM_ID
        and "\x00" not in custom_id
        and members.get("method") == "POST"
        and members.get("url") == endpoint
        and type(body) is dict
        and cast("dict[str, Any]", body).get("stream") is not True
    ):
        return InputLine(custom_id, cast("dict[str, Any]", body))
    return _fault(members, endpoint)


def _not_json(data: bytes, error: orjson.JSONDecodeError) -> LineFault:
    if data.startswith(_UTF_16):
        what = "the file is UTF-16; save it as UTF-8"
    else:
        what = f"{error.msg}, at character {error.pos + 1}"
    return LineFault("invalid_json_line", f"This line is not parseable as valid JSON: {what}.")


def _fault(line: Mapping[str, Any], endpoint: str) -> LineFault:
    for key in _KEYS:
        if line.get(key) is None:
            return LineFault(
                "missing_required_parameter", f"Missing required parameter: '{key}'.", key
            )
    faults = (
        *_of_custom_id(line["custom_id"]),
        *_of_constant("method", "POST", line["method"], "'POST'"),
        *_of_constant("url", endpoint, line["url"], f"the batch's endpoint, {endpoint!r}"),
        *_of_body(line["body"]),
    )
    return faults[0]


def _of_custom_id(custom_id: object) -> Iterator[LineFault]:
    if not isinstance(custom_id, str):
        yield _wrong_type("custom_id", "a string", custom_id)
    elif not 0 < len(custom_id) <= MAX_CUSTOM_ID or "\x00" in custom_id:
        yield LineFault(
            "invalid_value",
            f"custom_id must have 1 to {MAX_CUSTOM_ID} characters, none of them U+0000; "
            f"this one has {len(custom_id)}.",
            "custom_id",
        )


def _of_constant(key: str, wanted: str, value: object, told: str) -> Iterator[LineFault]:
    if value != wanted:
        shown = repr(value[:_SHOWN]) if isinstance(value, str) else _type_of(value)
        yield LineFault(f"invalid_{key}", f"{key} must be {told}, not {shown}.", key)


def _of_body(body: object) -> Iterator[LineFault]:
    if isinstance(body, dict):
        message = "Lines of a batch cannot be streamed; leave stream out."
        yield LineFault("unsupported_parameter", message, "body.stream")
    else:
        yield _wrong_type("body", "an object", body)


def _wrong_type(key: str, wanted: str, value: object) -> LineFault:
    return LineFault("invalid_type", f"{key} must be {wanted}, not {_type_of(value)}.", key)


def _type_of(value: object) -> str:
    names: Mapping[type, str] = {
        str: "a string",
        bool: "a boolean",
        int: "a number",
        float: "a number",
        list: "an array",
        dict: "an object",
    }
    return names.get(type(value), "null")

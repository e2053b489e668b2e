"""What is wrong with a value, in the words of a person and not of a validator."""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

_SECONDS: Final = "must be seconds, such as 30 or 0.5, or ISO 8601, such as PT15M or P30D"
_WHOLE: Final = "must be a whole number, such as 12"
_NUMBER: Final = "must be a number, such as 0.5"
_SWITCH: Final = "must be true or false"
_NETWORK: Final = (
    "must be a network as CIDR with no bits set after its prefix, such as 10.0.0.0/8"
)
_LIST: Final = "must be a list"
_TABLE: Final = "must be a table of names and values"

_WORDS: Final[Mapping[str, str]] = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "int_parsing": _WHOLE,
    "int_type": _WHOLE,
    "int_from_float": _WHOLE,
    "float_parsing": _NUMBER,
    "float_type": _NUMBER,
    "finite_number": _NUMBER,
    "bool_parsing": _SWITCH,
    "bool_type": _SWITCH,
    "string_type": "must be text",
    "time_delta_parsing": _SECONDS,
    "time_delta_type": _SECONDS,
    "ip_v4_network": _NETWORK,
    "ip_v6_network": _NETWORK,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "dict_type": _TABLE,
    "model_type": _TABLE,
    "model_attributes_type": _TABLE,
}
_BOUNDS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "greater_than_equal": lambda found: f"must be {_plain(found['ge'])} or more",
    "greater_than": lambda found: f"must be more than {_plain(found['gt'])}",
    "less_than_equal": lambda found: f"must be {_plain(found['le'])} or less",
    "less_than": lambda found: f"must be less than {_plain(found['lt'])}",
    "string_too_short": lambda found: f"needs {found['min_length']} characters or more",
    "string_too_long": lambda found: f"may have {found['max_length']} characters at most",
    "too_short": lambda found: f"needs {found['min_length']}{_units(found)} or more",
    "too_long": lambda found: f"may have {found['max_length']}{_units(found)} at most",
    "literal_error": lambda found: f"must be {found['expected']}",
    "enum": lambda found: f"must be {found['expected']}",
    "string_pattern_mismatch": lambda found: _pattern(str(found["pattern"])),
}
_BEGINNINGS: Final = re.compile(r"\^\(?((?:[a-z0-9:/]|\?|\|)+)\)?")


def in_words(fault: Mapping[str, Any]) -> str:
    """Return what is wrong, to stand after the name of what is wrong.

    Args:
        fault: One of ``ValidationError.errors()``; the value itself is never shown.
    """
    kind: str = fault["type"]
    if kind in _WORDS:
        return _WORDS[kind]
    if kind in _BOUNDS:
        return _BOUNDS[kind](fault.get("ctx", {}))
    said = str(fault["msg"]).removeprefix("Value error, ")
    return said.replace("Input should be", "must be", 1)


def _plain(bound: Any) -> str:
    if isinstance(bound, timedelta):
        return f"{bound.total_seconds():,.0f} s".replace(",", " ")
    return f"{bound:g}" if isinstance(bound, float) else str(bound)


def _units(found: Mapping[str, Any]) -> str:
    # What is secret is measured as a list is, and is text.
    return " characters" if found.get("field_type") == "Value" else ""


def _pattern(pattern: str) -> str:
    """Say ``^(file:///|s3://)`` and ``^https?://`` as what the text must begin with."""
    plain = _BEGINNINGS.fullmatch(pattern)
    if plain is None:
        return f"does not fit the pattern {pattern}"
    words: list[str] = []
    for part in plain[1].split("|"):
        before, mark, after = part.partition("?")
        words += [before[:-1] + after, before + after] if mark else [part]
    return f"must begin with {' or '.join(words)}"

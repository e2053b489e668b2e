"""Canonical JSON (RFC 8785): the same value is the same bytes, whoever writes it.

One departure: integers are written out in full, also those beyond 2**53 that JavaScript could
not tell apart. Two seeds that differ are two values.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

_LARGEST_PLAIN: Final = 21
_SMALLEST_PLAIN: Final = -6


def canonical_json(value: object) -> bytes:
    """Return ``value``, of JSON types, in its one form, as UTF-8.

    Raises:
        ValueError: It holds a number that is none, or infinite.
        TypeError: It holds something that JSON has no word for.
    """
    return _text(value).encode("utf-8", "surrogatepass")


def _text(value: object) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, Mapping):
        members = cast("Mapping[str, Any]", value)
        names = sorted(members, key=_utf16)
        return "{" + ",".join(f"{_text(name)}:{_text(members[name])}" for name in names) + "}"
    if isinstance(value, Sequence):
        return "[" + ",".join(map(_text, cast("Sequence[object]", value))) + "]"
    raise TypeError(f"JSON has no word for a {type(value).__name__}")


def _utf16(name: str) -> bytes:
    return name.encode("utf-16-be", "surrogatepass")


def _number(value: float) -> str:
    """Write a number as ECMAScript does: the fewest digits that are still this number."""
    if not math.isfinite(value):
        raise ValueError("JSON has no infinite numbers")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = f"{abs(value)!r}".partition("e")
    whole, _, rest = mantissa.partition(".")
    digits = (whole + rest).lstrip("0")
    # Where the point stands, counted from the first digit.
    point = len(whole) + int(exponent or 0) - (len(whole + rest) - len(digits))
    digits = digits.rstrip("0")
    if len(digits) <= point <= _LARGEST_PLAIN:
        return sign + digits + "0" * (point - len(digits))
    if 0 < point <= _LARGEST_PLAIN:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if _SMALLEST_PLAIN < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    shown = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
    return f"{sign}{shown}e{point - 1:+d}"

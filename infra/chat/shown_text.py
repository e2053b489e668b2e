"""Hostile text before any platform's own escaping: what no platform should be sent."""

import re
from typing import Final

# Controls but for line feed and tab; what turns the direction of all that follows; lines and
# paragraphs by names of their own; halves of surrogate pairs.
_DROPPED: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff"
    "\ud800-\udfff]"
)


def cleaned(text: str) -> str:
    """Return ``text`` without NUL, controls, turns of direction and broken halves."""
    return _DROPPED.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str) -> str:
    """Return ``text`` cleaned, in one line, without space around it."""
    return " ".join(cleaned(text).split())

"""How the words begin that a pattern can match: tells in no time which patterns to try.

Patterns are those of ``data/floor_rules.toml``: regular expressions for whole words, made of
letters, classes, groups and repetitions.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

LENGTHS: Final = (3, 4, 5)
ALWAYS: Final = ""
"""The opening of a pattern that may begin with anything."""
DIGIT: Final = "#"
FAR: Final = "\u6f22"
"""The opening of patterns in scripts without spaces."""

_LONGEST: Final = LENGTHS[-1]
_UNKNOWN: Final = "\x00"
_MOST: Final = 400
_WORDS: Final = re.compile(r"[a-z0-9]+")
_DIGITS: Final = frozenset("0123456789")
_FAR: Final = re.compile("[\u2e80-\u9fff\uac00-\ud7a3]")
_LITERAL_CODES: Final = {"x27": "'"}
_QUANTIFIER: Final = re.compile(r"[*+?]\??|\{(\d*)(?:,\d*)?\}\??")


def openings_of(text: str) -> frozenset[str]:
    """Return how the words of a text begin: three, four and five letters of each."""
    words = set(_WORDS.findall(text))
    found = {word[:length] for word in words for length in LENGTHS}
    if not _DIGITS.isdisjoint({word[0] for word in words}):
        found.add(DIGIT)
    if not text.isascii() and _FAR.search(text):
        found.add(FAR)
    found.add(ALWAYS)
    return frozenset(found)


def openings(pattern: str) -> frozenset[str]:
    """Return openings of which a text has one at least, if the pattern is in it."""
    return frozenset(
        _opening(one if _long_enough(one) else one + " ") for one in _expanded(pattern)
    )


def _opening(start: str) -> str:
    if not start or not start[0].isascii():
        return FAR if start else ALWAYS
    if start[0].isdigit():
        return DIGIT
    letters = _WORDS.match(start)
    if letters is None:
        return ALWAYS
    found = letters.group()
    ended = len(found) < len(start) and start[len(found)] != _UNKNOWN
    # A short piece is of use only as a whole word.
    return found[:_LONGEST] if ended or len(found) >= LENGTHS[0] else ALWAYS


def _expanded(pattern: str) -> set[str]:
    """Return how what the pattern matches may begin; a NUL stands for anything, or the rest."""
    alternatives = split(pattern)
    if len(alternatives) > 1:
        return {start for one in alternatives for start in _expanded(one)}
    found = {""}
    at = 0
    while at < len(pattern) and not all(map(_long_enough, found)):
        element, at = _element(pattern, at)
        quantifier = _QUANTIFIER.match(pattern, at)
        if quantifier:
            at = quantifier.end()
            element = _repeated(element, quantifier)
        found = {
            one if _long_enough(one) else (one + two)[: _LONGEST + 1]
            for one in found
            for two in element
        }
        if len(found) > _MOST:
            return {_UNKNOWN}
    return found


def _repeated(element: Iterable[str], quantifier: re.Match[str]) -> set[str]:
    sign = quantifier.group()[0]
    missing = sign in "?*" or quantifier.group(1) == "0"
    # After more than one, nobody knows how it goes on.
    once = set(element) if sign == "?" else {one + _UNKNOWN for one in element}
    return once | {""} if missing else once


def _long_enough(start: str) -> bool:
    return len(start) > _LONGEST or _UNKNOWN in start


def _element(pattern: str, at: int) -> tuple[set[str], int]:
    """Return what the element at a place may match, and where the next one begins."""
    sign = pattern[at]
    if sign == "(":
        end = _closing(pattern, at)
        body = pattern[at + 1 : end - 1]
        if body.startswith(("?!", "?=", "?<")):
            return {""}, end
        return _expanded(body.removeprefix("?i:").removeprefix("?:")), end
    if sign == "[":
        end = pattern.index("]", at + 2) + 1
        return _members(pattern[at + 1 : end - 1]), end
    if sign == "\\":
        return _escaped(pattern, at)
    if sign == ".":
        return {_UNKNOWN}, at + 1
    return ({""} if sign in "^$" else {"0" if sign.isdigit() else sign}), at + 1


def _escaped(pattern: str, at: int) -> tuple[set[str], int]:
    code = pattern[at + 1 : at + 4]
    if code in _LITERAL_CODES:
        return {_LITERAL_CODES[code]}, at + 4
    sign = pattern[at + 1]
    if sign == "d":
        return {"0"}, at + 2
    return ({""} if sign == "b" else {_UNKNOWN} if sign.isalpha() else {sign}), at + 2


def _members(body: str) -> set[str]:
    if body.startswith("^") or "\\" in body:
        return {_UNKNOWN}
    ranges = re.findall(r"(.)-(.)", body)
    found = set(re.sub(r".-.", "", body))
    for first, last in ranges:
        found |= {chr(code) for code in range(ord(first), ord(last) + 1)}
    if any(one.isupper() for one in found):
        return {_UNKNOWN}
    # All digits are one: only that there is one is asked for.
    return {"0" if one.isdigit() else one for one in found}


def _closing(pattern: str, at: int) -> int:
    depth = 0
    while True:
        sign = pattern[at]
        at += 2 if sign == "\\" else 1
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if not depth:
            return at


def split(pattern: str) -> Sequence[str]:
    """Cut a pattern at the bars that stand in no group."""
    parts: list[str] = []
    depth = start = at = 0
    while at < len(pattern):
        sign = pattern[at]
        if sign == "|" and not depth:
            parts.append(pattern[start:at])
            start = at + 1
        depth += {"(": 1, ")": -1}.get(sign, 0)
        at += 2 if sign == "\\" else 1
    return [*parts, pattern[start:]]

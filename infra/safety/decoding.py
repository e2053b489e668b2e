"""Finds what stands encoded in a text, and reads it: base64, hex, percent signs and the like.

Twice over at most, so that a text inside a text inside a text is left alone; of each kind at
most sixteen places, and never more than the text is long.
"""

import base64
import binascii
import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

DEPTH: Final = 2
_PLACES: Final = 16
_MOST: Final = 16_384
_BASE64: Final = re.compile(
    r"(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/_-]{6,16384}={0,2}(?![A-Za-z0-9+/=_-])"
)
_SHORTEST_BASE64: Final = 7
_DIGITS: Final = frozenset("0123456789")
_HEX: Final = re.compile(
    r"(?i)(?<![0-9a-z])(?:0x|\\x)?[0-9a-f]{2}"
    r"(?:(?: |:|,|\\x|0x| 0x)?[0-9a-f]{2}){3,4096}(?![0-9a-z])"
)
_BYTE: Final = re.compile(r"(?i)(?:0x|\\x)?([0-9a-f]{2})")
_PERCENT: Final = re.compile(r"(?:[\w.+-]{0,8}%[0-9A-Fa-f]{2}){3}")
_ENTITY: Final = re.compile(r"&#(?:x[0-9a-fA-F]{1,6}|[0-9]{1,7});")
_ESCAPE: Final = re.compile(r"\\u\{?([0-9a-fA-F]{4,6})\}?")
_BITS: Final = re.compile(r"(?<!\d)[01]{8}(?:[ ,]?[01]{8}){2,1024}(?!\d)")
_READABLE: Final = re.compile(r"[A-Za-z][A-Za-z0-9 .,:;!?'\"()/+_=\-\n]*")
_SHORTEST: Final = 3
_SHORT: Final = 16
_MOSTLY: Final = 0.9
_LAST: Final = 0x10FFFF
_SURROGATES: Final = range(0xD800, 0xE000)


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text with what was encoded in it in plain.

    Attributes:
        parts: Only what was encoded.
        tricks: Names of the encodings.
    """

    text: str
    parts: str
    tricks: Sequence[str]


def decode(text: str) -> Decoded | None:
    """Return a text with its encoded parts in plain, or ``None`` if it has none."""
    tricks: dict[str, None] = {}
    current = text
    for _ in range(DEPTH):
        before = current
        for name, step in _STEPS:
            after = step(current)
            if after != current:
                tricks[name] = None
                current = after[: len(text) + _MOST]
        if current == before:
            break
    if not tricks:
        return None
    # What the two begin and end with alike was never encoded.
    same = _alike(text, current)
    rest = _alike(text[same:][::-1], current[same:][::-1])
    return Decoded(current, current[same : len(current) - rest], tuple(tricks))


def _alike(one: str, two: str) -> int:
    """Return how many characters two texts begin with alike."""
    pairs = enumerate(zip(one, two, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(two)))


def _base64(text: str) -> str:
    # A long word in lower case is a word.
    if all(len(word) < _SHORTEST_BASE64 or word[1:].islower() for word in text.split()):
        return text
    return _BASE64.sub(lambda match: _from_base64(match.group()), text, count=_PLACES)


def _from_base64(token: str) -> str:
    if not any(letter.isupper() or letter.isdigit() or letter == "=" for letter in token[1:]):
        return token
    body = token.rstrip("=").translate({ord("-"): "+", ord("_"): "/"})
    try:
        data = base64.b64decode(body + "=" * (-len(body) % 4), validate=True)
    except (binascii.Error, ValueError):
        return token
    return _printable(data) or token


def _hex(text: str) -> str:
    def read(match: re.Match[str]) -> str:
        return _printable(bytes.fromhex("".join(_BYTE.findall(match.group())))) or match.group()

    return text if _DIGITS.isdisjoint(text) else _HEX.sub(read, text, count=_PLACES)


def _percent(text: str) -> str:
    return unquote(text, errors="replace") if "%" in text and _PERCENT.search(text) else text


def _entities(text: str) -> str:
    return html.unescape(text) if "&#" in text and _ENTITY.search(text) else text


def _escapes(text: str) -> str:
    def read(match: re.Match[str]) -> str:
        code = int(match.group(1), 16)
        return match.group() if code > _LAST or code in _SURROGATES else chr(code)

    return _ESCAPE.sub(read, text) if "\\u" in text else text


def _bits(text: str) -> str:
    def read(match: re.Match[str]) -> str:
        bits = re.sub("[ ,]", "", match.group())
        data = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))
        return _printable(data) or match.group()

    return _BITS.sub(read, text, count=_PLACES) if "0" in text and "1" in text else text


def _printable(data: bytes) -> str | None:
    """Return what bytes say, if they are text that somebody may have meant."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if len(text) < _SHORT:
        # By chance, a few bytes are letters now and then.
        return text if len(text) >= _SHORTEST and _READABLE.fullmatch(text) else None
    good = sum(letter.isprintable() or letter in "\n\r\t" for letter in text)
    letters = sum(letter.isalpha() or letter == " " for letter in text)
    return text if good == len(text) and letters * 2 >= len(text) * _MOSTLY else None


_STEPS: Final[Sequence[tuple[str, Callable[[str], str]]]] = (
    ("percent_encoding", _percent),
    ("character_references", _entities),
    ("escapes", _escapes),
    ("binary", _bits),
    ("hex", _hex),
    ("base64", _base64),
)

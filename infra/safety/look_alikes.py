"""Letters that are read as Latin ones, from ``data/look_alikes.txt``."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_FILE: Final = Path(__file__).parent / "data" / "look_alikes.txt"
# Latin-1 Supplement to Latin Extended-B, and Latin Extended Additional.
_LATIN: Final = (range(0xC0, 0x250), range(0x1E00, 0x1F00))
# Quotation marks, dashes and hyphens, as a keyboard has them.
_SIGNS: Final = {
    "\u2018": "'",
    "\u2019": "'",
    "\u201c": '"',
    "\u201d": '"',
    "_": " ",
} | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014", "-")


@dataclass(frozen=True, slots=True)
class LookAlikes:
    """Tables of one letter to one letter.

    Attributes:
        scripts: Letters of other scripts, to the Latin letter they look like.
        styles: Small capitals, letters of phonetics, letters in squares.
        plain: For ``str.translate``: letters with accents, and other Latin letters.
    """

    scripts: Mapping[str, str]
    styles: Mapping[str, str]
    plain: Mapping[int, str]


def read_look_alikes(file: Path = _FILE) -> LookAlikes:
    """Return the tables that come with genq. Takes about 1 ms."""
    kinds: dict[str, dict[str, str]] = {"scripts": {}, "styles": {}, "accents": {}}
    for line in file.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            kind, latin, letters = line.split(" ")
            kinds[kind] |= {one: latin.upper() if one.isupper() else latin for one in letters}
    plain = {ord(one): latin.lower() for one, latin in kinds["accents"].items()}
    plain |= {ord(one): sign for one, sign in _SIGNS.items()}
    for code in (code for block in _LATIN for code in block):
        first, *marks = unicodedata.normalize("NFD", chr(code))
        if marks and first.isascii():
            plain[code] = first.lower()
    return LookAlikes(kinds["scripts"], kinds["styles"], plain)

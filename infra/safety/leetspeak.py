"""Digits and signs that stand for letters: h4rdc0re."""

import re
from collections.abc import Iterator
from itertools import product
from typing import Final

from infra.safety.lexicon import Lexicon

SIGNS: Final = frozenset("0134579@$!|")
_TOKEN: Final = re.compile(
    r"(?<![A-Za-z0-9.@/\\%#&-])[A-Za-z0-9@$!|]{2,24}(?![A-Za-z0-9@/\\%]|[.,:]\d)"
)
_SMALL: Final = re.compile(
    r"(?<![^\s'])(?=[A-Za-z]{0,3}[0134579@$|])[A-Za-z0134579@$!|]{1,4}(?![^\s'.,!?])"
)
_OWNED: Final = re.compile(r"(?<=[a-z])'[$5](?![^\s.,!?])")
_DISGUISE: Final = re.compile(r"[A-Za-z][0134579@$!|]|[0134579@$!|][A-Za-z]")
# 85mm, 4k, 2nd, $5m: numbers with their units.
_UNIT: Final = re.compile(
    r"(?i)\$?\d+(?:k|m|mm|cm|km|px|p|d|th|st|nd|rd|s|x|fps|hz|khz|mhz|ghz|kb|mb|gb|tb|g|kg|mg|ml"
    r"|l|w|kw|v|a|ah|mah|am|pm|h|hr|hrs|min|mins|sec|secs|ms|yo|yr|yrs|ft|in|inch|oz|lb|lbs|bit"
    r"|bits|mp|mpx|ers|ies|er|c|f|cal|kcal|e|b|bn|i|ii)"
)
# gpt4, mp3, 3f2504e0, AKIA…, wow!: names, digests and exclamations.
_LABEL: Final = re.compile(
    r"[A-Za-z]{1,4}\d+[!|]*|[0-9a-f]{7,}|[^A-Za-z]+|\d+x\d+|[A-Za-z]+[!|]+|[A-Z0-9]{6,}"
)
_READ_AS: Final = {
    "0": "o",
    "3": "e",
    "4": "a",
    "5": "s",
    "7": "t",
    "9": "g",
    "@": "a",
    "$": "s",
}
_EITHER: Final = frozenset("1!|")
_MOST_CHOICES: Final = 4
_MANY: Final = 2
"""From so many disguised words on, numbers that stand alone are words too: 4 is a."""


def undisguised(text: str, lexicon: Lexicon | None) -> tuple[str, ...]:
    """Return the text in letters; a second time where a ``1`` may be two letters.

    With a lexicon each word is read so that there is such a word, and once is enough.
    """
    if SIGNS.isdisjoint(text) or _DISGUISE.search(text) is None:
        return ()
    count = 0

    def letters(match: re.Match[str], choice: int) -> str:
        nonlocal count
        token = match.group()
        read = _word(token, lexicon, choice)
        count += read != token
        return read

    first = _TOKEN.sub(lambda match: letters(match, 0), text)
    if not count:
        return ()
    if count > _MANY:
        first = _SMALL.sub(lambda match: _small(match.group(), lexicon), first)
        first = _OWNED.sub("'s", first)
    if lexicon is not None:
        return (first,)
    second = _TOKEN.sub(lambda match: letters(match, 1), text)
    return (first,) if second == first else (first, second)


def _word(token: str, lexicon: Lexicon | None, choice: int) -> str:
    word = token.rstrip("!|")
    if _DISGUISE.search(word) is None or _UNIT.fullmatch(word) or _LABEL.fullmatch(word):
        return token
    readings = list(_readings(word))
    if not readings:
        return token
    if lexicon is None:
        read = readings[-1 if choice else 0]
    else:
        read = next((one for one in readings if one.lower() in lexicon), readings[0])
    return read + token[len(word) :]


def _readings(word: str) -> Iterator[str]:
    """Yield the ways to read a word; none, if some digit of it is no letter."""
    doubtful = [at for at, sign in enumerate(word) if sign in _EITHER]
    letters = [_READ_AS.get(sign, sign) for sign in word]
    if not all(sign.isalpha() or sign in _EITHER for sign in letters):
        return
    several = product("il", repeat=len(doubtful)) if len(doubtful) <= _MOST_CHOICES else ()
    for chosen in several or (("i",) * len(doubtful), ("l",) * len(doubtful)):
        for at, letter in zip(doubtful, chosen, strict=True):
            letters[at] = letter
        yield "".join(letters)


def _small(token: str, lexicon: Lexicon | None) -> str:
    return next((one for one in _readings(token) if lexicon is None or one in lexicon), token)

"""The flags that a prompt may end in: their names, what they take, what they say. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

from schemas.lanes import Lane
from schemas.parameters import MAX_IMAGES

FlagValue = str | int | float | bool
MOST_SEED: Final = 2**63 - 1
WIDEST: Final = 4
"""The longest side of an aspect ratio, measured by the other one."""

_WHOLE: Final = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_DECIMAL: Final = re.compile(r"\d{1,6}(?:\.\d{1,6})?|\.\d{1,6}", re.ASCII)
_RATIO: Final = re.compile(r"([1-9]\d{0,3}):([1-9]\d{0,3})", re.ASCII)
_SIZE: Final = re.compile(r"[1-9]\d{1,3}x[1-9]\d{1,3}", re.ASCII | re.IGNORECASE)
_WORD_CHARACTERS: Final = 32
_NAME_CHARACTERS: Final = 128


class Takes(Enum):
    """What follows a flag's name."""

    NOTHING = "nothing"
    VALUE = "one value"
    MAYBE = "a value, or nothing"
    WORDS = "words, up to the next flag"


@dataclass(frozen=True, slots=True)
class FlagRule:
    """One flag.

    Attributes:
        name: Its full name.
        takes: What follows it.
        told: What a value must be, as faults and help say it.
        read: Returns the value of a word; ``None``: it is none.
        does: What becomes of it, for people.
        aliases: What else it is called.
        mapped: Whether only a model whose settings map it has it (``ModelSpec.flags``).
    """

    name: str
    takes: Takes
    told: str
    read: Callable[[str], FlagValue | None]
    does: str
    aliases: tuple[str, ...] = ()
    mapped: bool = False


def _never(word: str) -> FlagValue | None:
    del word
    return None


def _whole(least: int, most: int) -> Callable[[str], FlagValue | None]:
    def read(word: str) -> FlagValue | None:
        if not _WHOLE.fullmatch(word):
            return None
        number = int(word)
        return number if least <= number <= most else None

    return read


def _number(most: float) -> Callable[[str], FlagValue | None]:
    def read(word: str) -> FlagValue | None:
        if not _DECIMAL.fullmatch(word):
            return None
        number = float(word)
        return number if number <= most else None

    return read


def _text(most: int) -> Callable[[str], FlagValue | None]:
    def read(word: str) -> FlagValue | None:
        return word if len(word) <= most else None

    return read


def _ratio(word: str) -> FlagValue | None:
    found = _RATIO.fullmatch(word)
    if found is None:
        return None
    sides = int(found[1]), int(found[2])
    return word if max(sides) <= WIDEST * min(sides) else None


def _size(word: str) -> FlagValue | None:
    return word.lower() if _SIZE.fullmatch(word) else None


def _format(word: str) -> FlagValue | None:
    known = {"png": "png", "jpeg": "jpeg", "jpg": "jpeg", "webp": "webp"}
    return known.get(word.lower())


def _lane(lane: Lane) -> FlagRule:
    does = f"runs it on the lane {lane.value}, if its tenant may"
    return FlagRule(lane.value, Takes.NOTHING, "", _never, does)


_ANY_WORD: Final = f"a word of at most {_WORD_CHARACTERS} characters"
_ALL: Final = (
    FlagRule(
        "ar", Takes.VALUE, f"a ratio from 1:{WIDEST} to {WIDEST}:1, such as 16:9", _ratio,
        "size: the nearest of the model's, else about one megapixel", ("aspect",),
    ),
    FlagRule("size", Takes.VALUE, "WIDTHxHEIGHT, such as 1024x768", _size, "size"),
    FlagRule("seed", Takes.VALUE, "0 to 2^63 - 1", _whole(0, MOST_SEED), "seed"),
    FlagRule(
        "n", Takes.VALUE, f"1 to {MAX_IMAGES}", _whole(1, MAX_IMAGES),
        "n: how many pictures", ("repeat",),
    ),
    *(_lane(lane) for lane in Lane),
    FlagRule(
        "model", Takes.VALUE, "the name of a model", _text(_NAME_CHARACTERS), "model"
    ),
    FlagRule("format", Takes.VALUE, "png, jpeg or webp", _format, "output_format"),
    FlagRule(
        "quality", Takes.VALUE, _ANY_WORD, _text(_WORD_CHARACTERS),
        "quality, as the model server calls it: low, medium, high…", ("q",),
    ),
    FlagRule(
        "style", Takes.VALUE, _ANY_WORD, _text(_WORD_CHARACTERS),
        "style, as the model server calls it (not of edits)",
    ),
    FlagRule(
        "no", Takes.WORDS, "words", _text(2000),
        "a negative prompt, where the model has one", mapped=True,
    ),
    FlagRule(
        "stylize", Takes.VALUE, "0 to 1000", _whole(0, 1000), "how much style", ("s",), True
    ),
    FlagRule(
        "chaos", Takes.VALUE, "0 to 100", _whole(0, 100), "how much variety", ("c",), True
    ),
    FlagRule(
        "iw", Takes.VALUE, "0 to 3", _number(3), "the weight of pictures", mapped=True
    ),
    FlagRule(
        "tile", Takes.NOTHING, "", _never, "a pattern that repeats", mapped=True
    ),
    FlagRule(
        "raw", Takes.NOTHING, "", _never, "less of the model's own taste", mapped=True
    ),
    FlagRule(
        "niji", Takes.MAYBE, _ANY_WORD, _text(_WORD_CHARACTERS), "a drawn look", mapped=True
    ),
    FlagRule(
        "version", Takes.VALUE, _ANY_WORD, _text(_WORD_CHARACTERS),
        "which version of the model", ("v",), True,
    ),
)  # fmt: skip

RULES: Final[Mapping[str, FlagRule]] = MappingProxyType({rule.name: rule for rule in _ALL})
"""By full name, in the order of help."""
NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {called: rule.name for rule in _ALL for called in (rule.name, *rule.aliases)}
)
"""Full names by all that flags are called."""
MAPPED: Final = frozenset(rule.name for rule in _ALL if rule.mapped)
"""What only a model whose settings say so has."""
LANES: Final = tuple(lane.value for lane in Lane)
EXCLUSIVE: Final = (LANES, ("ar", "size"))
"""Groups of which one may stand."""

r"""Flags at the end of a prompt: ``a red kite --ar 16:9 --seed 7 --no text, people``. Pure.

A prompt is read only for a job that asks for it. The grammar, in EBNF::

    prompt  = text , { flag } ;
    flag    = space , dashes , name , [ ( space | "=" ) , value ] ;
    dashes  = "--" | "—" | U+2013 ;         (* phones write "—" for "--" *)
    name    = letter , { letter | digit | "-" } ;
    value   = word | quoted | words ;       (* words: of --no, up to the next flag *)
    quoted  = '"' , { character | '\"' | '\\' } , '"' | "“" , { character } , "”" ;

- Flags end the prompt: what follows the first one are flags. Case does not matter.
- ``--`` begins a flag at the beginning of a word and before a letter: ``well--known`` and
  ``a -- b`` are text. A long dash begins one only before a name that is known.
- What stands in quotes within the text is text: ``a sign "use --ar" --ar 1:1`` has one flag.
- A flag stands once; of the lanes one may be named, and of ``--ar`` and ``--size`` one.
- Text without a flag comes back as it was sent, to the byte.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from schemas.flag_rules import EXCLUSIVE, MAPPED, NAMES, RULES, FlagValue, Takes

_QUOTED: Final = r'"(?:[^"\\]|\\.)*"|“[^“”]*”'
_BEGIN: Final = r"(?:^|(?<=\s))"
# Quotes that open where a word may begin, and close where one may end: 5" is no quote.
_MARKS: Final = re.compile(
    rf"(?:^|(?<=[\s(\[{{=]))(?:{_QUOTED})(?=[\s.,;:!?)\]}}]|$)"
    rf"|(?P<flag>{_BEGIN}(?:--(?=[A-Za-z])|[—\u2013]{{1,2}}"
    rf"(?=(?:{'|'.join(sorted(NAMES, key=len, reverse=True))})(?:[\s=]|$))))",
    re.IGNORECASE | re.DOTALL,
)
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}(?=[\s=]|$)", re.ASCII)
_WHOLE_QUOTE: Final = re.compile(_QUOTED, re.DOTALL)
_ESCAPE: Final = re.compile(r"\\([\"\\])")
_PLAIN: Final = re.compile(r"[^\s\"“”\\—\u2013=-][^\s\"“”\\]*")
_CLOSE: Final = 0.6
# Those of every model.
_THERE_ARE: Final = ", ".join(f"--{name}" for name in RULES if name not in MAPPED)
MOST_FLAGS: Final = 40
"""Of one prompt; there are fewer flags than that, so that more are mistakes."""


@dataclass(frozen=True, slots=True)
class FlagFault:
    """What is wrong: at which character, counted from 1, and why. It quotes nothing."""

    at: int
    message: str

    def __str__(self) -> str:
        """Return both, for people."""
        return f"character {self.at}: {self.message}"


@dataclass(frozen=True, slots=True)
class ReadPrompt:
    """A prompt taken apart.

    Attributes:
        text: What the model is told.
        flags: What the flags said, by their full names, in the order in which they stand.
        places: At which character each of them stands, counted from 1.
        faults: What is wrong, in the order of the prompt; ``flags`` lacks what is.
    """

    text: str
    flags: Mapping[str, FlagValue]
    places: Mapping[str, int]
    faults: Sequence[FlagFault]


def read_prompt(prompt: str) -> ReadPrompt:
    """Return a prompt's text and its flags. Takes time in proportion to its length."""
    starts = [mark for mark in _MARKS.finditer(prompt) if mark["flag"] is not None]
    if not starts:
        return ReadPrompt(prompt, {}, {}, ())
    flags: dict[str, FlagValue] = {}
    places: dict[str, int] = {}
    faults: list[FlagFault] = []
    ends = [*(mark.start() for mark in starts[1:]), len(prompt)]
    for mark, end in zip(starts[:MOST_FLAGS], ends, strict=False):
        at = mark.start() + 1
        found = _read(prompt, mark.end(), end)
        if isinstance(found, str):
            faults.append(FlagFault(at, found))
            continue
        name, value = found
        other = next((one for one in _rivals(name) if one in places), None)
        if other is not None:
            faults.append(FlagFault(at, _said_twice(name, other, places[other])))
            continue
        flags[name], places[name] = value, at
    if len(starts) > MOST_FLAGS:
        at = starts[MOST_FLAGS].start() + 1
        faults.append(FlagFault(at, f"more than {MOST_FLAGS} flags"))
    text = prompt[: starts[0].start()].rstrip()
    if not text:
        faults.insert(0, FlagFault(1, "nothing stands before the flags: say what to make"))
    return ReadPrompt(text, flags, places, tuple(faults))


def write_prompt(text: str, flags: Mapping[str, FlagValue]) -> str:
    """Return the prompt that ``read_prompt`` takes apart again into these.

    Args:
        text: Without flags, and without space at its end.
        flags: By their full names; values as ``read_prompt`` gives them.
    """
    return " ".join([text, *(_written(name, value) for name, value in flags.items())])


def _read(prompt: str, start: int, end: int) -> tuple[str, FlagValue] | str:
    """Return one flag, or what is wrong with it."""
    named = _NAME.match(prompt, start, end)
    if named is None:
        return "no flag: write its name, a space, and its value"
    name = NAMES.get(named[0].lower())
    if name is None:
        close = difflib.get_close_matches(named[0].lower(), NAMES, 1, _CLOSE)
        hint = f"did you mean --{close[0]}?" if close else f"there are {_THERE_ARE}"
        return f"unknown flag; {hint}"
    rest = prompt[named.end() : end].strip()
    if rest.startswith("="):
        rest = rest[1:].lstrip()
    return _value(name, rest)


def _value(name: str, rest: str) -> tuple[str, FlagValue] | str:
    rule = RULES[name]
    quoted = _WHOLE_QUOTE.match(rest)
    if rule.takes is Takes.WORDS and (quoted is None or quoted.end() < len(rest)):
        word, more = rest, ""
    elif quoted is not None:
        word, more = _unquoted(quoted[0]), rest[quoted.end() :]
    else:
        parts = rest.split(None, 1)
        word, more = (parts[0], parts[1] if len(parts) > 1 else "") if parts else ("", "")
    if rule.takes is Takes.NOTHING and rest:
        return f"--{name} takes no value; {_BEFORE}"
    if more.strip():
        return f"--{name} takes one value; {_BEFORE}"
    if not word.strip():
        if rule.takes in {Takes.NOTHING, Takes.MAYBE}:
            return name, True
        return f"--{name} needs a value: {rule.told}"
    value = rule.read(word.strip())
    return f"--{name} must be {rule.told}" if value is None else (name, value)


_BEFORE: Final = "flags end the prompt: other words go before the first of them"


def _rivals(name: str) -> Sequence[str]:
    """Return the flags beside which one may not stand, itself the first of them."""
    others = (group for group in EXCLUSIVE if name in group)
    return [name, *(one for group in others for one in group if one != name)]


def _said_twice(name: str, other: str, place: int) -> str:
    if name == other:
        return f"--{name} stands at character {place} already: keep one"
    return f"--{name} does not go with --{other} at character {place}: keep one"


def _unquoted(text: str) -> str:
    inner = text[1:-1]
    return _ESCAPE.sub(r"\1", inner) if text.startswith('"') else inner


def _written(name: str, value: FlagValue) -> str:
    if value is True:
        return f"--{name}"
    said = str(value)
    if not _PLAIN.fullmatch(said):
        escaped = said.replace("\\", "\\\\").replace('"', '\\"')
        said = f'"{escaped}"'
    return f"--{name} {said}"

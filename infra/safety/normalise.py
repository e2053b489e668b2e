"""A text as it is read: without what only makes it look different to a machine.

NFKC (full-width, mathematical, circled letters), no invisible characters, no stacked marks, and
no letters of another script inside a Latin word. Words of other scripts stay what they are.
Every character knows where it came from, so that what is found can be shown in the original.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from infra.safety.look_alikes import LookAlikes, read_look_alikes
from infra.safety.mixed_words import unmix
from schemas.safety import Span

LOOK_ALIKES: Final[LookAlikes] = read_look_alikes()

INVISIBLE: Final = "invisible_characters"
HIDDEN: Final = "tag_characters"
STACKED: Final = "stacked_marks"
FULL_WIDTH: Final = "full_width"
STYLED: Final = "styled_letters"
MIXED: Final = "look_alikes"

_CONTROLS: Final = "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"
_SPACES: Final = re.compile("[\x0b\x0c\x1c-\x1f\x85\u2028\u2029]")
_UNSEEN: Final = re.compile(
    f"[{_CONTROLS}\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_TAGS: Final = re.compile("[\U000e0020-\U000e007e]+")
_FLAG: Final = "\U0001f3f4"
_MARKS: Final = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
)
_ODD: Final = re.compile(
    f"{_UNSEEN.pattern}|{_MARKS.pattern}|{_SURROGATES.pattern}|{_SPACES.pattern}"
)
_CONTROL: Final = re.compile(f"[{_CONTROLS}]|{_SPACES.pattern}")
# Vowels and final consonants of Hangul join what is before them, as marks do.
_JOINING: Final = re.compile("[\u1161-\u11ff]")
_LATIN_LETTER: Final = re.compile("[A-Za-z\u00c0-\u024f]")
_WIDE_SCRIPTS: Final = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
_BRACKETED: Final = re.compile("[\u249c-\u24b5\U0001f110-\U0001f129]")
_STYLES: Final = re.compile(
    "[\u02b0-\u02b8\u1d2c-\u1d6a\u2071\u207f\u2090-\u209c\u2102-\u2149\u249c-\u24e9"
    "\U0001d400-\U0001d7ff\U0001f110-\U0001f149]"
)
_WIDE: Final = re.compile("[\uff21-\uff3a\uff41-\uff5a]")
_FEW: Final = 3
_LONGEST_EXPANSION: Final = 6


@dataclass(frozen=True, slots=True)
class Normalised:
    """A text as it is read.

    Attributes:
        tricks: What was undone, if it was more than spelling.
        hidden: What tag characters spell, which no screen shows and models read.
        unmixed: The text with words folded that are look-alikes all through, if there are
            any: they may be Russian, or disguised.
    """

    text: str
    tricks: Sequence[str] = ()
    hidden: str = ""
    unmixed: str | None = None
    _starts: Sequence[int] | None = field(default=None, repr=False)
    _ends: Sequence[int] | None = field(default=None, repr=False)

    def span(self, start: int, end: int) -> Span:
        """Return the characters of the original that ``text[start:end]`` came from."""
        if self._starts is None or self._ends is None:
            return Span(start, end)
        end = min(end, len(self._ends))
        if start >= end:
            at = self._ends[-1] if self._ends else 0
            return Span(at, at)
        return Span(self._starts[start], self._ends[end - 1])


def normalise(text: str) -> Normalised:
    """Return a text as it is read. Doing it twice changes nothing more."""
    if text.isascii():
        usual = _CONTROL.search(text) is None
    else:
        usual = (
            _ODD.search(text) is None
            and unicodedata.is_normalized("NFKC", text)
            and LOOK_ALIKES.styles.keys().isdisjoint(text)
        )
    read = Normalised(text) if usual else _Rewriting(text).result()
    if read.text.isascii() or LOOK_ALIKES.scripts.keys().isdisjoint(read.text):
        return read
    words = unmix(read.text, LOOK_ALIKES.scripts)
    tricks = (*read.tricks, MIXED) if words.text != read.text else read.tricks
    return replace(read, text=words.text, tricks=tricks, unmixed=words.other)


def plain(text: str) -> str:
    """Return a text in lower case and without accents, of the same length."""
    lowered = text.lower()
    if len(lowered) != len(text):
        lowered = "".join(one.lower() if len(one.lower()) == 1 else one for one in text)
    return lowered.translate(LOOK_ALIKES.plain)


class _Rewriting:
    """Goes through a text once, letter by letter with its marks."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tricks: dict[str, None] = {}
        self._out: list[str] = []
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._lone_marks = 0
        self._styled = 0
        self._wide = 0
        self._known: dict[str, str] = {}

    def result(self) -> Normalised:
        hidden = self._hidden()
        places = self._places()
        letters = [self._text[place] for place in places]
        at = 0
        while at < len(letters):
            end = at + 1
            while end < len(letters) and _extends(letters[end]):
                end += 1
            self._take("".join(letters[at:end]), places[at], places[end - 1] + 1)
            at = end
        if self._styled >= _FEW:
            self._tricks[STYLED] = None
        if self._wide >= _FEW and not _WIDE_SCRIPTS.search(self._text):
            self._tricks[FULL_WIDTH] = None
        if self._lone_marks >= _FEW and self._lone_marks * 3 >= len(self._out):
            self._tricks[STACKED] = None
        text = "".join(self._out)
        return Normalised(text, tuple(self._tricks), hidden, None, self._starts, self._ends)

    def _hidden(self) -> str:
        """Return what tag characters spell, unless they spell the region of a flag."""
        found = [
            "".join(chr(ord(one) - 0xE0000) for one in match.group())
            for match in _TAGS.finditer(self._text)
            if self._text[match.start() - 1 : match.start()] != _FLAG
        ]
        if found:
            self._tricks[HIDDEN] = None
        return " ".join(found)

    def _places(self) -> list[int]:
        """Return where the characters stand that can be seen."""
        unseen = [match.start() for match in _UNSEEN.finditer(self._text)]
        if not unseen:
            return list(range(len(self._text)))
        if _breaks_words(self._text, unseen):
            self._tricks[INVISIBLE] = None
        skipped = set(unseen)
        return [place for place in range(len(self._text)) if place not in skipped]

    def _take(self, cluster: str, start: int, end: int) -> None:
        known = self._known.get(cluster)
        if known is None:
            known = self._known[cluster] = _folded(cluster)
        if known != cluster:
            self._count(cluster)
        self._out.append(known)
        self._starts += [start] * len(known)
        self._ends += [end] * len(known)

    def _count(self, cluster: str) -> None:
        # A mark that makes a letter of the alphabet with what it stands on is spelling.
        lone = len(_MARKS.findall(_composed(cluster)))
        if lone > 1:
            self._tricks[STACKED] = None
        self._lone_marks += lone == 1
        self._styled += bool(_STYLES.match(cluster)) or cluster[0] in LOOK_ALIKES.styles
        self._wide += bool(_WIDE.match(cluster))


def _folded(cluster: str) -> str:
    """Return what a letter with its marks is read as."""
    if _SURROGATES.match(cluster):
        return "\ufffd"
    if _SPACES.match(cluster):
        return " "
    composed = _composed(cluster)
    if _BRACKETED.match(cluster):
        composed = composed.strip("()")
    composed = _MARKS.sub("", composed)
    return LOOK_ALIKES.styles.get(composed, composed)


def _composed(cluster: str) -> str:
    composed = unicodedata.normalize("NFKC", cluster)
    return composed if len(composed) <= max(_LONGEST_EXPANSION, len(cluster)) else cluster


def _extends(letter: str) -> bool:
    return not letter.isascii() and (
        unicodedata.category(letter)[0] == "M" or _JOINING.match(letter) is not None
    )


def _breaks_words(text: str, unseen: Sequence[int]) -> bool:
    """Tell whether an invisible character stands between two Latin letters."""
    hidden = set(unseen)
    for place in unseen:
        after = place + 1
        while after in hidden:
            after += 1
        before, following = text[place - 1 : place], text[after : after + 1]
        if _LATIN_LETTER.match(before) and _LATIN_LETTER.match(following):
            return True
    return False

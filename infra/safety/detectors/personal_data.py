"""Personal data in texts: what names, reaches or charges a person."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from infra.safety.reading import Reading
from infra.safety.recognisers import NOT_A_PERSON, RECOGNISERS
from infra.safety.telephones import FEWEST, telephones_in
from schemas.safety import Finding, Medium, Stage

_DIGITS: Final = re.compile(r"\d")
_BEFORE: Final = 40
# What a model is told with numbers, and what numbers name machines' things.
_PARAMETERS: Final = re.compile(
    r"--[A-Za-z][\w-]*(?:[ =](?:[\d.,:x/-]+)){0,3}"
    r"|(?i:\b(?:seed|steps|cfg|cfg[ _]scale|guidance|width|height|size|strength|ar)\b)"
    r"[ :=#]{0,3}[\d.:x]+"
    r"|(?i:\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b)"
    r"|(?i:\b(?=[0-9]*[a-f])[0-9a-f]{12,128}\b)"
)

Found = tuple[str, str, float, int, int]


class PersonalDataFilter:
    """Finds e-mail addresses, telephones, cards, accounts, numbers of states, and IP addresses.

    Parameters of prompts, versions, times and order numbers are none of these. Evidence tells
    kinds and counts, never what was found.
    """

    name: Final = "PersonalDataFilter"
    version: Final = "1"
    stages: Final = frozenset(Stage)
    media: Final = frozenset({Medium.TEXT})

    def check(self, reading: Reading) -> Sequence[Finding]:
        """Return one finding for each category, with all its places."""
        found = sorted(personal_data_in(reading.text), key=_place)
        categories = dict.fromkeys(one[0] for one in found)
        return [self._finding(reading, category, found) for category in categories]

    def _finding(self, reading: Reading, category: str, found: Sequence[Found]) -> Finding:
        own = [one for one in found if one[0] == category]
        kinds = sorted({one[1] for one in own})
        return Finding(
            self.name,
            self.version,
            category,
            max(one[2] for one in own),
            tuple(reading.span(start, end) for *_, start, end in own),
            evidence={"kinds": kinds, "count": len(own)},
        )


def personal_data_in(text: str) -> Iterator[Found]:
    """Yield category, kind, score, start and end; of what overlaps, the most special."""
    digits = len(_DIGITS.findall(text))
    wanted = [one for one in RECOGNISERS if one.may_be_in(text, digits)]
    if not wanted and digits < FEWEST:
        return
    read = _without_parameters(text) if digits else text
    taken = bytearray(len(text))
    for one in wanted:
        for match in one.shape.finditer(read):
            start, end = match.span()
            if not any(taken[start:end]) and one.holds(read, start, end):
                taken[start:end] = b"\1" * (end - start)
                yield one.category, one.name, one.score, start, end
    if digits >= FEWEST and len(_DIGITS.findall(read)) >= FEWEST:
        for start, end, score in telephones_in(read):
            named = NOT_A_PERSON.search(read, max(0, start - _BEFORE), start)
            if named is None and not any(taken[start:end]):
                yield "pii.phone", "phone", score, start, end


def _without_parameters(text: str) -> str:
    return _PARAMETERS.sub(lambda match: " " * len(match.group()), text)


def _place(found: Found) -> int:
    return found[3]

"""Which digits are a telephone number: phonenumbers knows how each country writes its own."""

import re
from collections.abc import Iterator
from typing import Final

from infra.safety.personal_numbers import digits_of

FEWEST: Final = 7
_MOST: Final = 15
_SHAPE: Final = re.compile(
    r"(?<![\w.+/=&#@%$€£~:-])(?:\+|00 ?)?\(?\d"
    r"(?:[ ().\-/\u00a0]{0,2}\d){6,16}(?![\w@%€]|[-.,/:]\d)"
)
_CONTEXT: Final = re.compile(
    r"(?i)\b(?:phone|call|tel|telephone|mobile|cell|ring|whatsapp|sms|text me|reach me|fax"
    r"|hotline|contact|dial|number is|handy|telefon|telefonnummer|rufnummer|ruf mich"
    r"|t[eé]l[eé]phone|portable|appelle|tel[eé]fono|m[oó]vil|ll[aá]mame|signal)\w{0,4}\b"
)
_WRITTEN_OUT: Final = re.compile(
    r"^\(\d{2,5}\)|^\d{2,5}[ .-]\d{3,4}[ .-]\d{3,4}$|^0\d{2,5}[ /-]\d"
)
_DATE: Final = re.compile(
    r"(?:19|20)\d\d[-/. ][01]?\d[-/. ][0-3]?\d|[0-3]?\d[-/.][01]?\d[-/.](?:19|20)\d\d"
)
_DECIMALS: Final = re.compile(r"-?\d{1,3}\.\d{3,}")
_BEFORE: Final = 40
_ASKED: Final = 100
_OF_A_LIST: Final = 0.6
_REGIONS: Final = ("US", "GB", "DE", "FR", "ES")


def telephones_in(text: str) -> Iterator[tuple[int, int, float]]:
    """Yield where telephone numbers stand, and how sure that is.

    With a plus, the number proves itself. Else it has to be written like one, or to be called
    one, and some country has to have such numbers.
    """
    asked = 0
    for match in _SHAPE.finditer(text):
        found = match.group()
        start = match.start()
        digits = digits_of(found)
        if not FEWEST <= len(digits) <= _MOST or _DATE.match(found) or _DECIMALS.match(found):
            continue
        named = _CONTEXT.search(text, max(0, start - _BEFORE), start) is not None
        # The library takes its time; of a list of numbers the first ones tell enough.
        asked += 1
        score = _score(found, named=named) if asked <= _ASKED else _OF_A_LIST
        if score:
            yield start, start + len(found), score


def _score(found: str, *, named: bool) -> float:
    from phonenumbers import (  # noqa: PLC0415 - 23 MB of tables, for texts with long numbers
        NumberParseException,
        is_possible_number,
        is_valid_number,
        parse,
    )

    abroad = found.startswith(("+", "00"))
    if not (abroad or named or _WRITTEN_OUT.search(found)):
        return 0.0
    wanted = "+" + found[2:] if found.startswith("00") else found
    for region in (None,) if abroad else _REGIONS:
        try:
            number = parse(wanted, region)
        except NumberParseException:
            continue
        if is_valid_number(number):
            return 0.95 if abroad or named else 0.85
        if (abroad or named) and is_possible_number(number):
            return 0.7
    return 0.0

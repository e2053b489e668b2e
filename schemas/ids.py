"""Public ids: a prefix and 26 characters that carry a UUID, in time order.

The characters are Crockford base32 in lower case, most significant first, as the TypeID
specification 0.3 writes them: 128 bits in 26 characters, so the first is 0 to 7. Two ids of
one prefix sort as their UUIDv7 keys sort.
"""

from typing import Final, Literal
from uuid import UUID

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
SUFFIX_LENGTH: Final = 26

Prefix = Literal[
    "job", "batch", "resp", "file", "evt", "whe", "whd", "whr", "err", "req", "key", "sched",
    "ers", "hold", "rev", "apl", "rpt", "chb",
]  # fmt: skip

# Two characters at a time: every answer has several ids.
_PAIRS: Final = tuple(first + second for first in ALPHABET for second in ALPHABET)
_SHIFTS: Final = tuple(range(5 * (SUFFIX_LENGTH - 2), -1, -10))
_VALUES: Final = {character: value for value, character in enumerate(ALPHABET)}
# OpenAI's clients look at "file-…"; every other prefix is joined by an underscore.
_JOINT: Final = {"file": "-"}


class InvalidIdError(ValueError):
    """The text is not an id of the wanted prefix."""


def format_id(prefix: Prefix, key: UUID) -> str:
    """Return the public id of ``key``, such as ``job_01kb…``."""
    number = key.int
    suffix = "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])
    return prefix + _JOINT.get(prefix, "_") + suffix


def parse_id(prefix: Prefix, text: str) -> UUID:
    """Return the key inside the public id ``text``.

    Raises:
        InvalidIdError: Another prefix, another length, or a character outside the alphabet.
    """
    start = prefix + _JOINT.get(prefix, "_")
    suffix = text.removeprefix(start)
    if len(suffix) != SUFFIX_LENGTH or len(text) != len(start) + SUFFIX_LENGTH:
        raise InvalidIdError(f"expected {start} and {SUFFIX_LENGTH} characters")
    number = 0
    for character in suffix:
        value = _VALUES.get(character)
        if value is None:
            raise InvalidIdError(f"character {character!r} does not occur in ids")
        number = (number << 5) | value
    if number >> 128:
        raise InvalidIdError("the first character is past 7")
    return UUID(int=number)

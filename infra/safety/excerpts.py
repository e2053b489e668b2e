"""What is read of an output that is too long to be read: its ends, and stretches in between."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from infra.safety.limits import OUTPUT_CHARS
from infra.safety.parts import Part

_END: Final = 60_000
"""Characters of its beginning, and of its end."""
_STRETCH: Final = 10_000


def excerpts(part: Part) -> list[Part]:
    """Return a text as it is, or of a longer one 200,000 characters, in their order.

    A model that goes wrong goes on with it: what it comes to is in the end, and of what lies
    between nothing longer than the gaps is passed over. The first piece knows it all.
    """
    if len(part.text) <= OUTPUT_CHARS:
        return [part]
    return [
        replace(
            part, text=part.text[start:end], start=start, exact=None if start else part.text
        )
        for start, end in _spans(len(part.text))
    ]


def _spans(length: int) -> Iterator[tuple[int, int]]:
    yield 0, _END
    stretches = (OUTPUT_CHARS - 2 * _END) // _STRETCH
    gap = (length - OUTPUT_CHARS) / (stretches + 1)
    for n in range(stretches):
        start = _END + round(gap * (n + 1)) + n * _STRETCH
        yield start, start + _STRETCH
    yield length - _END, length

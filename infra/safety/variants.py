"""Other readings of a text: what it may say to somebody who undoes its disguise."""

from collections.abc import Sequence
from dataclasses import dataclass

from infra.safety.normalise import Normalised


@dataclass(frozen=True, slots=True)
class Variants:
    """Readings besides the text itself, and the names of what was undone for them."""

    texts: Sequence[str] = ()
    tricks: Sequence[str] = ()


def variants_of(read: Normalised) -> Variants:
    """Return the other readings of a text, at most six."""
    texts = [text for text in (read.hidden, read.unmixed) if text]
    return Variants(tuple(texts), ())

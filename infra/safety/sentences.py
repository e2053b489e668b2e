"""A longer text as what the classifier knows: single sentences.

It is learnt from prompts of a sentence or two, and of these it can tell. Of a page, taken as a
whole, it makes whatever it likes: of passages of technical documentation, harmless all of them,
more than half were blocked. Sentence by sentence hardly any is.
"""

import re
from collections.abc import Sequence
from typing import Final

SHORT: Final = 24
"""Words. What has no more is one piece, however many sentences it has."""
MOST: Final = 512
"""Pieces of one text that are looked at."""

_END: Final = re.compile(r"(?<=[.!?:;\u3002\uff01\uff1f])\s+|\n+")
_WORD: Final = re.compile(r"\S+")
_REAL: Final = re.compile(r"[^\W\d_]{2,}")
# Words with letters in them. A line of code with fewer says nothing by itself.
_FEWEST: Final = 5


def pieces_of(text: str) -> list[str]:
    """Return the sentences of a text, none of them much longer than ``SHORT`` words.

    A longer one is cut where it is long enough, a very short one goes with the next. Of a text
    in a script without spaces, which has hardly any words, the sentences are as they are.
    """
    if len(_WORD.findall(text)) <= SHORT:
        return [text]
    pieces = [piece for sentence in _END.split(text) for piece in _cut(sentence) if piece]
    whole: list[str] = []
    begun = ""
    for piece in pieces:
        begun = f"{begun} {piece}" if begun else piece
        if len(_REAL.findall(begun)) >= _FEWEST:
            whole.append(begun)
            begun = ""
    if begun:
        # What is left at the end goes with what came before.
        whole[-1:] = [f"{whole[-1]} {begun}" if whole else begun]
    return whole


def looked_at(pieces: Sequence[str]) -> Sequence[str]:
    """Return pieces of a text; of too many ``MOST``, from all over, its ends among them."""
    if len(pieces) <= MOST:
        return pieces
    return [pieces[n * (len(pieces) - 1) // (MOST - 1)] for n in range(MOST)]


def _cut(sentence: str) -> list[str]:
    words = sentence.split()
    if len(words) <= SHORT:
        return [sentence.strip()]
    # Of about the same length: no last word stands alone.
    count = -(-len(words) // SHORT)
    size = -(-len(words) // count)
    return [" ".join(words[start : start + size]) for start in range(0, len(words), size)]

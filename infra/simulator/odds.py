"""Odds of words, as models tell them: plausible, and the same for the same text."""

import math
from collections.abc import Sequence
from typing import Any, Final

from infra.simulator.painting.dice import dice

# Words that a model might have written instead.
_OTHERS: Final = (
    " the", " a", " and", " of", ",", ".", " quiet", " light", " it", " one", " to", " in",
    " is", " with", " for", " that", " so", " by", " on", " at", " from", " all",
)  # fmt: skip
_LEAST: Final = 0.35
_MOST: Final = 0.98


def odds_of(pieces: Sequence[str], others: int) -> list[dict[str, Any]]:
    """Return each token with its logarithm, and so many others beside it, likely ones first.

    Args:
        pieces: The tokens of a text.
        others: The length of ``top_logprobs``, the token itself among them.
    """
    random = dice("odds", *pieces[:8])
    told: list[dict[str, Any]] = []
    for piece in pieces:
        share = random.uniform(_LEAST, _MOST)
        own = _told(piece, share)
        top = [own] if others else []
        left = 1 - share
        for word in random.sample(_OTHERS, len(_OTHERS)):
            if len(top) >= others:
                break
            if word != piece:
                # No other is as likely as what was written.
                left /= 2
                top.append(_told(word, min(left, share * 0.9)))
        top.sort(key=lambda one: -one["logprob"])
        told.append({**own, "top_logprobs": top})
    return told


def _told(token: str, share: float) -> dict[str, Any]:
    return {
        "token": token,
        "logprob": round(math.log(share), 6),
        "bytes": list(token.encode()),
    }

"""Categories that a tenant teaches with about ten sentences each.

So few sentences tell little about single words: only means of vectors are learnt from, and how
near a text is to the two nearest of the sentences counts besides.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from infra.safety.encoder import Floats
from infra.safety.fitting import Doubles, sigmoid
from infra.safety.newton import fit_logistic

_PENALTY: Final = 3e-3
_NEAREST: Final = 2
# Of what comes with genq, which is not about the tenant's subject, 3 in 1,000 may score as high
# as what the level standard flags: 0.45.
_RARE: Final = 0.997
_FLAGGED: Final = float(np.log(0.45 / 0.55))


@dataclass(frozen=True, slots=True)
class OwnHead:
    """One category of a tenant.

    Attributes:
        weights: Shape (256,).
        bias: Moves the logits to where a policy's thresholds mean something.
        sentences: The vectors that it was learnt from, shape (sentences, 256).
    """

    weights: Floats
    bias: float
    sentences: Floats

    def score(self, means: Floats) -> float:
        """Return the score of a text's worst part, 0 to 1."""
        return float(sigmoid(_logits(self, means) + self.bias).max())


def learn(sentences: Floats, others: Floats) -> OwnHead:
    """Return the head that tells sentences from others, both unit vectors in rows."""
    rows = np.concatenate([sentences, others])
    weights, _ = fit_logistic(rows, np.arange(len(rows)) < len(sentences), _PENALTY)
    head = OwnHead(weights.astype(np.float32), 0.0, sentences)
    usual = float(np.quantile(_logits(head, others), _RARE))
    return OwnHead(head.weights, _FLAGGED - usual, sentences)


def _logits(head: OwnHead, means: Floats) -> Doubles:
    # einsum and not @, which wakes the threads of BLAS for nothing.
    learnt = np.einsum("pw,w->p", means, head.weights)
    alike = np.sort(np.einsum("pw,sw->ps", means, head.sentences), axis=1)
    return (learnt + alike[:, -_NEAREST:].mean(1)).astype(np.float64)

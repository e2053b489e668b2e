"""Categories that a tenant teaches with about ten sentences each.

So few sentences tell little about single words: only means of vectors are learnt from, and how
near a text is to the two nearest of the sentences counts besides.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from infra.safety.encoder import Floats
from infra.safety.fitting import Doubles, sigmoid

_PENALTY: Final = 3e-3
_STEPS: Final = 40
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
    rows = np.concatenate([sentences, others]).astype(np.float64)
    weights = _fit(rows, np.arange(len(rows)) < len(sentences))
    head = OwnHead(weights.astype(np.float32), 0.0, sentences)
    usual = float(np.quantile(_logits(head, others), _RARE))
    return OwnHead(head.weights, _FLAGGED - usual, sentences)


def _logits(head: OwnHead, means: Floats) -> Doubles:
    # einsum and not @, which wakes the threads of BLAS for nothing.
    learnt = np.einsum("pw,w->p", means, head.weights)
    alike = np.sort(np.einsum("pw,sw->ps", means, head.sentences), axis=1)
    return (learnt + alike[:, -_NEAREST:].mean(1)).astype(np.float64)


def _fit(rows: Doubles, truth: NDArray[np.bool_]) -> Doubles:
    """Return weights and no bias of L2 logistic regression, by Newton's method.

    Both answers count the same in sum, however many rows each has.
    """
    share = np.where(truth, 0.5 / truth.sum(), 0.5 / (~truth).sum())
    rows = np.concatenate([rows, np.ones((len(rows), 1))], axis=1)
    penalty = np.full(rows.shape[1], _PENALTY)
    penalty[-1] = 1e-9
    w = np.zeros(rows.shape[1])
    for _ in range(_STEPS):
        p = sigmoid(rows @ w)
        slope = rows.T @ (share * (p - truth)) + penalty * w
        bend = (rows * (share * p * (1 - p))[:, None]).T @ rows + np.diag(penalty)
        step = np.linalg.solve(bend, slope)
        w -= step
        if np.abs(step).max() < 1e-7:  # noqa: PLR2004 - far below what a score shows
            break
    return w[:-1]

"""Logistic heads: how likely a vector belongs to each category, and to any of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

_STEPS = 30


@dataclass(frozen=True, slots=True)
class Heads:
    """Linear functions of a vector, each squeezed between 0 and 1.

    Attributes:
        weights: Shape (width, heads).
        bias: Shape (heads,).
    """

    weights: Floats
    bias: Floats

    def logits(self, rows: Floats) -> Floats:
        """Return one number per row and head, shape (rows, heads)."""
        return rows @ self.weights + self.bias


def fit(rows: Floats, truth: NDArray[np.bool_], penalty: float) -> tuple[Doubles, float]:
    """Return weights and bias of one head: L2 logistic regression by Newton's method.

    Both classes count the same in sum, however many examples each has.
    """
    share = np.where(truth, 0.5 / truth.sum(), 0.5 / (~truth).sum())
    design = np.concatenate([rows.astype(np.float64), np.ones((len(rows), 1))], axis=1)
    ridge = np.full(design.shape[1], penalty)
    ridge[-1] = 1e-9
    w = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        p = sigmoid(design @ w)
        gradient = design.T @ (share * (p - truth)) + ridge * w
        hessian = (design * (share * p * (1 - p))[:, None]).T @ design + np.diag(ridge)
        step = np.linalg.solve(hessian, gradient)
        w -= step
        if np.abs(step).max() < 1e-8:
            break
    return w[:-1], float(w[-1])


def sigmoid(x: Doubles) -> Doubles:
    """Return 1 / (1 + exp(-x)), without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * x))

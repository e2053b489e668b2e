"""Logistic regression over a dense and a sparse half, by L-BFGS (Nocedal, 1980)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from infra.safety.encoder import Encoding
from infra.safety.token_table import WIDTH

Doubles = NDArray[np.float64]
Loss = Callable[[Doubles], tuple[float, Doubles]]

DENSE_PENALTY: Final = 3e-4
SPARSE_PENALTY: Final = 3e-5
_STEPS: Final = 1000
_MEMORY: Final = 10
_GAIN: Final = 1e-9
_SHORTEST: Final = 1e-10


@dataclass(frozen=True, slots=True)
class Design:
    """Encoded texts as one dense and one sparse matrix.

    Attributes:
        means: Shape (texts, 256).
        rows: Of each entry of the sparse matrix, its text.
        keys: … its column.
        values: … its value.
        places: How many columns the sparse matrix has.
    """

    means: Doubles
    rows: NDArray[np.int64]
    keys: NDArray[np.int64]
    values: Doubles
    places: int

    @property
    def width(self) -> int:
        """How many numbers a head has: dense, sparse, bias."""
        return WIDTH + self.places + 1

    def logits(self, head: Doubles) -> Doubles:
        """Return a head's number for each text."""
        sparse = np.bincount(
            self.rows, head[WIDTH:-1][self.keys] * self.values, len(self.means)
        )
        return self.means @ head[:WIDTH] + sparse + head[-1]

    def gradient(self, residues: Doubles) -> Doubles:
        """Return the derivative of the sum of ``residues * logits``."""
        sparse = np.bincount(self.keys, residues[self.rows] * self.values, self.places)
        return np.concatenate([self.means.T @ residues, sparse, [residues.sum()]])


def design(encodings: Sequence[Encoding], places: int) -> Design:
    """Put whole texts, without their parts, into matrices."""
    counts = [len(encoding.keys[0]) for encoding in encodings]
    return Design(
        np.stack([encoding.means[0] for encoding in encodings]).astype(np.float64),
        np.repeat(np.arange(len(encodings)), counts),
        np.concatenate([encoding.keys[0] for encoding in encodings]),
        np.repeat([float(encoding.shares[0]) for encoding in encodings], counts),
        places,
    )


def loss(data: Design, truth: NDArray[np.bool_], shares: Doubles) -> Loss:
    """Return the loss of a head, and its derivative, as a function of the head's numbers.

    Args:
        data: The texts.
        truth: Which of them the head should find.
        shares: How much each counts; 1 in sum.
    """
    penalty = np.full(data.width, SPARSE_PENALTY)
    penalty[:WIDTH] = DENSE_PENALTY
    penalty[-1] = 0

    def value(head: Doubles) -> tuple[float, Doubles]:
        logits = data.logits(head)
        costs = np.logaddexp(0, np.where(truth, -logits, logits))
        residues = shares * (sigmoid(logits) - truth)
        total = float(shares @ costs + 0.5 * penalty @ (head * head))
        return total, data.gradient(residues) + penalty * head

    return value


def minimise(function: Loss, start: Doubles) -> Doubles:
    """Return where a convex function is least, to a billionth of its value."""
    x = start
    value, slope = function(x)
    steps: list[tuple[Doubles, Doubles]] = []
    for _ in range(_STEPS):
        x_next, value_next, slope_next = _search(function, x, value, slope, steps)
        step, bend = x_next - x, slope_next - slope
        if bend @ step > 0:
            steps = [*steps[1 - _MEMORY :], (step, bend)]
        gain = value - value_next
        x, value, slope = x_next, value_next, slope_next
        if gain <= _GAIN * abs(value):
            break
    return x


def _search(
    function: Loss,
    x: Doubles,
    value: float,
    slope: Doubles,
    steps: Sequence[tuple[Doubles, Doubles]],
) -> tuple[Doubles, float, Doubles]:
    """Go along L-BFGS's direction, by half as far until the function falls enough."""
    direction = -_newton(slope, steps)
    length = 1.0 if steps else min(1.0, 1 / float(np.abs(slope).sum()))
    fall = 1e-4 * float(slope @ direction)
    while True:
        there = x + length * direction
        found, found_slope = function(there)
        if found <= value + length * fall or length < _SHORTEST:
            return there, found, found_slope
        length /= 2


def _newton(slope: Doubles, steps: Sequence[tuple[Doubles, Doubles]]) -> Doubles:
    """Return the slope times about the inverse of the second derivative: the two loops."""
    q = slope.copy()
    factors: list[float] = []
    for step, bend in reversed(steps):
        factor = float(step @ q) / float(bend @ step)
        q -= factor * bend
        factors.append(factor)
    if steps:
        step, bend = steps[-1]
        q *= float(step @ bend) / float(bend @ bend)
    for (step, bend), factor in zip(steps, reversed(factors), strict=True):
        q += step * (factor - float(bend @ q) / float(bend @ step))
    return q


def sigmoid(x: Doubles) -> Doubles:
    """Return 1 / (1 + exp(-x)), without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * x))

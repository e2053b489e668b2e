"""Logistic heads: how likely a vector belongs to each category, and to any of them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from infra.safety.package_data import checked

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

TRAINED: Final = "heads.npz"
PENALTY: Final = 3e-4
_STEPS: Final = 30


@dataclass(frozen=True, slots=True)
class Heads:
    """Linear functions of a vector, each to be squeezed between 0 and 1.

    Attributes:
        weights: Shape (width, heads).
        bias: Shape (heads,).
        categories: What the heads stand for; one more stands for harm of any kind, the last.
        version: Of what was trained.
    """

    weights: Floats
    bias: Floats
    categories: tuple[str, ...]
    version: str

    def logits(self, rows: Floats) -> Floats:
        """Return one number per row and head, shape (rows, heads)."""
        return rows @ self.weights + self.bias


def load_heads(folder: Path) -> Heads:
    """Read the trained heads.

    Raises:
        DamagedDataError: The file is missing or damaged.
    """
    path = checked(folder, TRAINED)
    with np.load(path, allow_pickle=False) as arrays:
        categories = tuple(str(name) for name in arrays["categories"])
        version = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        return Heads(arrays["weights"], arrays["bias"], categories, version)


def save_heads(heads: Heads, folder: Path) -> None:
    """Write trained heads; their version follows from their numbers."""
    np.savez(
        folder / TRAINED,
        weights=heads.weights,
        bias=heads.bias,
        categories=np.array(heads.categories),
    )


def with_heads(heads: Heads, vectors: Mapping[str, Floats], others: Floats) -> Heads:
    """Return heads with one more for each name: its vectors against the others."""
    weights, bias = list[Floats](), list[Floats]()
    version = hashlib.sha256(heads.version.encode())
    for name, rows in vectors.items():
        truth = np.arange(len(rows) + len(others)) < len(rows)
        w, b = fit(np.concatenate([rows, others]), truth, PENALTY)
        weights.append(w[:, None].astype(np.float32))
        bias.append(np.array([b], np.float32))
        version.update(name.encode() + rows.tobytes())
    return Heads(
        np.concatenate([heads.weights[:, :-1], *weights, heads.weights[:, -1:]], axis=1),
        np.concatenate([heads.bias[:-1], *bias, heads.bias[-1:]]),
        (*heads.categories, *vectors),
        version.hexdigest()[:12],
    )


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

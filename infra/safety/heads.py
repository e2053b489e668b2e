"""Logistic heads: how likely an encoded text belongs to each category, and to any of them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from infra.safety.encoder import Encoding
from infra.safety.package_data import checked

Floats = NDArray[np.float32]

TRAINED: Final = "heads.npz"


@dataclass(frozen=True, slots=True)
class Heads:
    """Linear functions of an encoding; the last head finds harm of any kind.

    Attributes:
        dense: For the means, shape (256, heads).
        sparse: For tokens and pairs, shape (places, heads).
        bias: Shape (heads,).
        categories: What the heads but the last stand for.
        version: Of what was trained.
    """

    dense: Floats
    sparse: Floats
    bias: Floats
    categories: tuple[str, ...]
    version: str

    def logits(self, encoding: Encoding) -> Floats:
        """Return one number for each part and head, shape (parts, heads)."""
        if len(encoding.keys) == 1:
            # Most texts have one part. So small a product is none for the threads of BLAS.
            means = np.dot(encoding.means[0], self.dense)
            words = np.add.reduce(self.sparse.take(encoding.keys[0], 0), 0)
            return (means + words * encoding.shares[0] + self.bias)[None]
        # einsum and not @, which wakes the threads of BLAS for nothing.
        means = np.einsum("pw,wh->ph", encoding.means, self.dense)
        words = np.array([np.add.reduce(self.sparse.take(k, 0), 0) for k in encoding.keys])
        return means + words * encoding.shares[:, None] + self.bias


def load_heads(folder: Path) -> Heads:
    """Read the trained heads.

    Raises:
        DamagedDataError: The file is missing or damaged.
    """
    path = checked(folder, TRAINED)
    with np.load(path, allow_pickle=False) as arrays:
        return Heads(
            arrays["dense"],
            arrays["sparse"].astype(np.float32),
            arrays["bias"],
            tuple(str(name) for name in arrays["categories"]),
            hashlib.sha256(path.read_bytes()).hexdigest()[:12],
        )


def save_heads(heads: Heads, folder: Path) -> None:
    """Write trained heads; their version follows from their bytes."""
    np.savez_compressed(
        folder / TRAINED,
        dense=heads.dense,
        sparse=heads.sparse.astype(np.float16),
        bias=heads.bias,
        categories=np.array(heads.categories),
    )

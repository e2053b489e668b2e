"""all-MiniLM-L6-v2, a BERT of six layers that turns a text into a vector, in NumPy alone.

The forward pass is BERT's (Devlin et al., 2018) with mean pooling (Reimers and Gurevych, 2019);
it gives the vectors of the original to about 1e-6. The weights are no part of genq: see
``infra.safety.minilm_fetch``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from infra.safety.wordpiece import WordPiece

Floats = NDArray[np.float32]

LAYERS: Final = 6
HEADS: Final = 12
WIDTH: Final = 384
LONGEST: Final = 256
"""Tokens of a text that are read, marks included: the model was trained on no more."""


@dataclass(frozen=True, slots=True)
class _Affine:
    weight: Floats
    bias: Floats

    def __call__(self, x: Floats) -> Floats:
        return x @ self.weight + self.bias


@dataclass(frozen=True, slots=True)
class _Norm:
    weight: Floats
    bias: Floats

    def __call__(self, x: Floats) -> Floats:
        centred = x - x.mean(-1, keepdims=True)
        variance = np.square(centred).mean(-1, keepdims=True)
        return centred / np.sqrt(variance + np.float32(1e-12)) * self.weight + self.bias


@dataclass(frozen=True, slots=True)
class _Layer:
    query_key_value: _Affine
    attended: _Affine
    first_norm: _Norm
    widen: _Affine
    narrow: _Affine
    second_norm: _Norm

    def __call__(self, x: Floats) -> Floats:
        texts, length, width = x.shape
        split = self.query_key_value(x).reshape(texts, length, 3, HEADS, width // HEADS)
        query, key, value = split.transpose(2, 0, 3, 1, 4)
        affinity = query @ key.swapaxes(-1, -2) / np.float32(np.sqrt(width // HEADS))
        affinity = np.exp(affinity - affinity.max(-1, keepdims=True))
        affinity /= affinity.sum(-1, keepdims=True)
        mixed = (affinity @ value).transpose(0, 2, 1, 3).reshape(texts, length, width)
        x = self.first_norm(x + self.attended(mixed))
        return self.second_norm(x + self.narrow(gelu(self.widen(x))))


class MiniLM:
    """The encoder: texts in, one vector of 384 numbers and length 1 for each out."""

    def __init__(self, weights: Mapping[str, Floats], vocabulary: Sequence[str]) -> None:
        self._wordpiece = WordPiece(vocabulary)
        self._marks = (self._wordpiece.id_of("[CLS]"), self._wordpiece.id_of("[SEP]"))
        self._tokens = weights["embeddings.word_embeddings.weight"]
        self._places = (
            weights["embeddings.position_embeddings.weight"]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        self._norm = _norm(weights, "embeddings.LayerNorm")
        self._layers = tuple(_layer(weights, f"encoder.layer.{n}.") for n in range(LAYERS))

    def vectors(self, texts: Sequence[str]) -> Floats:
        """Return one unit vector per text, shape (texts, 384)."""
        rows = [self._encode(np.array([self._ids(text)]))[0] for text in texts]
        return np.stack(rows) if rows else np.zeros((0, WIDTH), np.float32)

    def token_vectors(self, first: int, last: int) -> Floats:
        """Return the vectors of texts of one token each, ``first`` to ``last``.

        They all have three tokens with the marks around them, so they go through at once.
        """
        ids = np.empty((last - first, 3), np.int64)
        ids[:, 0], ids[:, 2] = self._marks
        ids[:, 1] = np.arange(first, last)
        return self._encode(ids)

    def _ids(self, text: str) -> list[int]:
        start, end = self._marks
        return [start, *self._wordpiece.ids(text)[: LONGEST - 2], end]

    def _encode(self, ids: NDArray[np.int64]) -> Floats:
        x = self._norm(self._tokens[ids] + self._places[: ids.shape[1]])
        for layer in self._layers:
            x = layer(x)
        pooled = x.mean(1)
        return pooled / np.linalg.norm(pooled, axis=-1, keepdims=True)


def load_minilm(weights: Path, vocabulary: Path) -> MiniLM:
    """Read the encoder from ``model.safetensors`` and ``vocab.txt``.

    Raises:
        ModuleNotFoundError: The extra ``minilm`` is not installed.
    """
    from safetensors.numpy import (  # noqa: PLC0415 - an optional package
        load_file,  # pyright: ignore[reportUnknownVariableType] - PathLike of anything
    )

    read = cast("Callable[[Path], dict[str, Floats]]", load_file)
    return MiniLM(read(weights), read_vocabulary(vocabulary.read_text("utf-8")))


def read_vocabulary(text: str) -> list[str]:
    """Return the tokens of a ``vocab.txt``, one a line; only a line feed ends a line."""
    return text.removesuffix("\n").split("\n")


def gelu(x: Floats) -> Floats:
    """Return GELU; erf is formula 7.1.26 of Abramowitz and Stegun, right to 1.5e-7."""
    scaled = np.abs(x) * np.float32(np.sqrt(0.5))
    t = 1 / (1 + np.float32(0.3275911) * scaled)
    series = np.float32(1.061405429)
    for factor in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series = series * t + np.float32(factor)
    erf = np.copysign(1 - series * t * np.exp(-scaled * scaled), x)
    return x * np.float32(0.5) * (1 + erf)


def _norm(weights: Mapping[str, Floats], name: str) -> _Norm:
    return _Norm(weights[f"{name}.weight"], weights[f"{name}.bias"])


def _affine(weights: Mapping[str, Floats], *names: str) -> _Affine:
    weight = np.concatenate([weights[f"{name}.weight"] for name in names])
    bias = np.concatenate([weights[f"{name}.bias"] for name in names])
    return _Affine(np.ascontiguousarray(weight.T), bias)


def _layer(weights: Mapping[str, Floats], prefix: str) -> _Layer:
    attention = f"{prefix}attention.self."
    return _Layer(
        _affine(weights, *(f"{attention}{name}" for name in ("query", "key", "value"))),
        _affine(weights, f"{prefix}attention.output.dense"),
        _norm(weights, f"{prefix}attention.output.LayerNorm"),
        _affine(weights, f"{prefix}intermediate.dense"),
        _affine(weights, f"{prefix}output.dense"),
        _norm(weights, f"{prefix}output.LayerNorm"),
    )

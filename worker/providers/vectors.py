"""Vectors of an answer: checked, and kept as compactly as they come."""

import asyncio
import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

import numpy as np
from pydantic import JsonValue

from schemas.claim import Claim
from schemas.embedding_vectors import BYTES_OF_A_NUMBER, packed_floats
from schemas.errors import ModelBadAnswerError, ModelError
from worker.providers.answers import EmbeddingItem

MAX_EMBEDDING_BYTES: Final = 32 * 1024 * 1024
"""Of all vectors of a job, four to a number."""
# So many numbers are checked while nobody notices.
_FEW: Final = 200_000


class Vectors:
    """Reads the vectors that one model server gives.

    Args:
        server: Its configured name.
        bad_answer: Makes the error of an answer that cannot be used.
        most: Bytes of all vectors of a job.
    """

    def __init__(
        self,
        server: str,
        bad_answer: Callable[[str], ModelBadAnswerError],
        *,
        most: int = MAX_EMBEDDING_BYTES,
    ) -> None:
        self._server = server
        self._bad_answer = bad_answer
        self._most = most

    async def kept(self, items: Sequence[EmbeddingItem], claim: Claim) -> dict[str, JsonValue]:
        """Return ``embeddings`` and their ``dimensions``.

        Args:
            items: One for each input, in their order.
            claim: What was asked.

        Raises:
            GenqError: They are not what was asked for, or too much.
        """
        wanted = _inputs(claim.input["input"])
        if len(items) != wanted:
            raise self._bad_answer(f"with {len(items)} vectors for {wanted} inputs")
        size = sum(_size(item) for item in items)
        if size > self._most:
            raise ModelError(
                f"the vectors of this job take {size} bytes; at most {self._most} are kept: "
                "submit fewer inputs in one job, or ask for fewer dimensions"
            )
        if size > _FEW * BYTES_OF_A_NUMBER:
            vectors = await asyncio.to_thread(self._packed, items)
        else:
            vectors = self._packed(items)
        dimensions = _size(items[0]) // BYTES_OF_A_NUMBER
        self._hold_to(claim.input.get("dimensions"), dimensions)
        return {"embeddings": vectors, "dimensions": dimensions}

    def _packed(self, items: Sequence[EmbeddingItem]) -> list[JsonValue]:
        sizes = {_size(item) for item in items}
        if len(sizes) != 1 or 0 in sizes:
            raise self._bad_answer("with vectors of different lengths, or none")
        return [self._one(item.embedding) for item in items]

    def _one(self, given: str | list[float]) -> str:
        try:
            vector = given if isinstance(given, str) else packed_floats(given)
            numbers = np.frombuffer(base64.b64decode(vector, validate=True), dtype="<f4")
        except (binascii.Error, OverflowError, ValueError):
            raise self._bad_answer("with a vector that is none") from None
        if not np.isfinite(numbers).all():
            raise self._bad_answer("with a vector that is not made of numbers")
        return vector

    def _hold_to(self, asked: Any, given: int) -> None:
        if asked is not None and asked != given:
            raise ModelError(
                f"model server {self._server} answered vectors of {given} numbers instead "
                f"of {asked}: leave dimensions out, or choose a model that can shorten them"
            )


def _inputs(given: str | list[Any]) -> int:
    """Return how many vectors an input asks for: one text, or its tokens, are one."""
    if isinstance(given, str) or type(given[0]) is int:
        return 1
    return len(cast("list[object]", given))


def _size(item: EmbeddingItem) -> int:
    """Return the bytes of a vector."""
    if isinstance(item.embedding, str):
        return len(item.embedding) * 3 // 4 - item.embedding[-2:].count("=")
    return len(item.embedding) * BYTES_OF_A_NUMBER

"""Embeddings: vectors, kept as compactly as they come."""

import asyncio
import base64
import binascii
from collections.abc import Sequence
from typing import Any, Final, cast

import numpy as np
from pydantic import JsonValue

from schemas.claim import Claim
from schemas.embedding_vectors import BYTES_OF_A_NUMBER, packed_floats
from schemas.errors import ModelBadAnswerError, ModelError
from worker.providers.answers import EmbeddingAnswer, EmbeddingItem, usage_of
from worker.providers.provider import Reply
from worker.providers.server_calls import ServerCalls

MAX_EMBEDDING_BYTES: Final = 32 * 1024 * 1024
"""Of all vectors of a job, four to a number."""
_EMBEDDINGS: Final = "/embeddings"
# So many numbers are checked while nobody notices.
_FEW: Final = 200_000


class EmbeddingCalls:
    """Asks one model server for vectors.

    They are asked for in base64, a third of the bytes that digits take and read in no time;
    servers that know only digits are understood.
    """

    def __init__(self, calls: ServerCalls, *, most: int = MAX_EMBEDDING_BYTES) -> None:
        self._calls = calls
        self._most = most

    async def embed(self, claim: Claim) -> Reply:
        """Return a vector for each input, in their order: ``embeddings`` and ``dimensions``.

        Raises:
            GenqError: See ``Provider.generate``.
        """
        more = {"encoding_format": "base64"}
        answer = await self._calls.ask(_EMBEDDINGS, claim, EmbeddingAnswer, more=more)
        items = sorted(answer.data, key=lambda item: item.index)
        wanted = _inputs(claim.input["input"])
        if len(items) != wanted:
            raise self._calls.bad_answer(f"with {len(items)} vectors for {wanted} inputs")
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
        details: dict[str, JsonValue] = {"embeddings": vectors, "dimensions": dimensions}
        return Reply(usage=usage_of(answer.usage), details=details)

    def _packed(self, items: Sequence[EmbeddingItem]) -> list[JsonValue]:
        sizes = {_size(item) for item in items}
        if len(sizes) != 1 or 0 in sizes:
            raise self._calls.bad_answer("with vectors of different lengths, or none")
        return [self._one(item.embedding) for item in items]

    def _one(self, given: str | list[float]) -> str:
        try:
            vector = given if isinstance(given, str) else packed_floats(given)
            numbers = np.frombuffer(base64.b64decode(vector, validate=True), dtype="<f4")
        except (binascii.Error, OverflowError, ValueError):
            raise self._calls.bad_answer("with a vector that is none") from None
        if not np.isfinite(numbers).all():
            raise self._not_numbers()
        return vector

    def _not_numbers(self) -> ModelBadAnswerError:
        return self._calls.bad_answer("with a vector that is not made of numbers")

    def _hold_to(self, asked: Any, given: int) -> None:
        if asked is not None and asked != given:
            raise ModelError(
                f"model server {self._calls.name} answered vectors of {given} numbers instead "
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

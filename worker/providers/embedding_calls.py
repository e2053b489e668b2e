"""Embeddings, as OpenAI's API has them."""

from typing import Final

from schemas.claim import Claim
from worker.providers.answers import EmbeddingAnswer, usage_of
from worker.providers.provider import Reply
from worker.providers.server_calls import ServerCalls
from worker.providers.vectors import MAX_EMBEDDING_BYTES, Vectors

_EMBEDDINGS: Final = "/embeddings"


class EmbeddingCalls:
    """Asks one model server for vectors.

    They are asked for in base64, a third of the bytes that digits take and read in no time;
    servers that know only digits are understood.
    """

    def __init__(self, calls: ServerCalls, *, most: int = MAX_EMBEDDING_BYTES) -> None:
        self._calls = calls
        self._vectors = Vectors(calls.name, calls.bad_answer, most=most)

    async def embed(self, claim: Claim) -> Reply:
        """Return a vector for each input, in their order: ``embeddings`` and ``dimensions``.

        Raises:
            GenqError: See ``Provider.generate``.
        """
        more = {"encoding_format": "base64"}
        answer = await self._calls.ask(_EMBEDDINGS, claim, EmbeddingAnswer, more=more)
        items = sorted(answer.data, key=lambda item: item.index)
        kept = await self._vectors.kept(items, claim)
        return Reply(usage=usage_of(answer.usage), details=kept)

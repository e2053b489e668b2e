"""``/v1/embeddings``: texts as vectors, in digits or in base64."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from producer.openai.endpoint import Defaults, Reading
from producer.openai.genq_member import genq_member
from producer.openai.request_parts import GENQ, Rules, request_from
from schemas.embedding_vectors import floats_of
from schemas.errors import FieldError, InputError
from schemas.generation import Kind
from schemas.job import JobRecord, JobRequest

_FORMAT: Final = "encoding_format"
_FLOAT: Final = "float"
_BASE64: Final = "base64"
_RULES: Final = Rules(kind=Kind.EMBEDDING, dropped=frozenset({_FORMAT}))
# So many characters are read while nobody notices.
_FEW: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Embeddings:
    """The endpoint of embeddings. See ``Endpoint``."""

    path: str = "/v1/embeddings"
    face: str = "openai.embeddings"
    kind: Kind = Kind.EMBEDDING

    def request_of(self, body: Mapping[str, Any], defaults: Defaults) -> JobRequest:
        """Return the job that a body asks for. See ``Endpoint.request_of``."""
        if body.get(_FORMAT) not in (None, _FLOAT, _BASE64):
            message = f"must be {_FLOAT} or {_BASE64}"
            fault = FieldError(f"/{_FORMAT}", message)
            raise InputError(f"{_FORMAT} {message}", fields=[fault])
        return request_from(body, defaults, _RULES)

    async def answer_of(
        self, job: JobRecord, asked: Mapping[str, Any], reading: Reading
    ) -> dict[str, Any]:
        """Return a list of vectors. See ``Endpoint.answer_of``."""
        kept: Sequence[str] = job.made.get("embeddings") or ()
        vectors: Sequence[str | list[float]] = kept
        if asked.get(_FORMAT) != _BASE64:
            many = sum(len(vector) for vector in kept) > _FEW
            vectors = await asyncio.to_thread(_numbers, kept) if many else _numbers(kept)
        return {
            "object": "list",
            "data": [
                {"object": "embedding", "index": n, "embedding": vector}
                for n, vector in enumerate(vectors)
            ],
            "model": job.model,
            "usage": _usage(job),
            GENQ: genq_member(job, reading.public_url),
        }


def _numbers(kept: Sequence[str]) -> list[list[float]]:
    return [floats_of(vector) for vector in kept]


def _usage(job: JobRecord) -> dict[str, int]:
    # OpenAI's clients read it without asking whether it is there.
    told: Mapping[str, int | None] = job.made.get("usage") or {}
    tokens = told.get("input_tokens") or 0
    return {"prompt_tokens": tokens, "total_tokens": tokens}

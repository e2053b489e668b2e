"""``/v1/completions``: a text, or several, gone on with; OpenAI's older way to ask."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from producer.openai.endpoint import Defaults, Reading
from producer.openai.genq_member import genq_member, shown_id
from producer.openai.request_parts import GENQ, Rules, request_from, tier_of
from producer.openai.text_answers import text_choices, token_usage
from schemas.generation import Kind
from schemas.job import JobRecord, JobRequest

_RULES: Final = Rules(kind=Kind.COMPLETION)


@dataclass(frozen=True, slots=True)
class Completions:
    """The endpoint of completions. See ``Endpoint``."""

    path: str = "/v1/completions"
    face: str = "openai.completions"
    kind: Kind = Kind.COMPLETION

    def request_of(self, body: Mapping[str, Any], defaults: Defaults) -> JobRequest:
        """Return the job that a body asks for. See ``Endpoint.request_of``."""
        return request_from(body, defaults, _RULES)

    async def answer_of(
        self, job: JobRecord, asked: Mapping[str, Any], reading: Reading
    ) -> dict[str, Any]:
        """Return a ``text_completion``. See ``Endpoint.answer_of``."""
        return {
            "id": shown_id("cmpl-", job),
            "object": "text_completion",
            "created": int(job.created_at.timestamp()),
            "model": job.model,
            "choices": text_choices(job),
            "usage": token_usage(job),
            **tier_of(job.lane, asked),
            GENQ: genq_member(job, reading.public_url),
        }

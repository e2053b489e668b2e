"""``/v1/chat/completions``: a conversation, continued."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from producer.openai.endpoint import Defaults, Reading
from producer.openai.genq_member import genq_member, shown_id
from producer.openai.moderation_mode import refuse_scoring
from producer.openai.request_parts import GENQ, Rules, request_from, tier_of
from producer.openai.text_answers import chat_choices, token_usage
from schemas.generation import Kind
from schemas.job import JobRecord, JobRequest

_RULES: Final = Rules(
    kind=Kind.CHAT,
    dropped=frozenset({"moderation"}),
    refused=MappingProxyType(
        {
            "audio": "genq answers in words; leave audio out",
            "modalities": "genq answers in words; only ['text'] is possible",
            "prediction": "predicted outputs are not supported; leave prediction out",
            "functions": "is retired; use tools",
            "function_call": "is retired; use tool_choice",
        }
    ),
    harmless=MappingProxyType({"modalities": (["text"],)}),
)


@dataclass(frozen=True, slots=True)
class ChatCompletions:
    """The endpoint of chats. See ``Endpoint``."""

    path: str = "/v1/chat/completions"
    face: str = "openai.chat"
    kind: Kind = Kind.CHAT

    def request_of(self, body: Mapping[str, Any], defaults: Defaults) -> JobRequest:
        """Return the job that a body asks for. See ``Endpoint.request_of``."""
        refuse_scoring(body)
        return request_from(body, defaults, _RULES)

    async def answer_of(
        self, job: JobRecord, asked: Mapping[str, Any], reading: Reading
    ) -> dict[str, Any]:
        """Return a ``chat.completion``. See ``Endpoint.answer_of``."""
        return {
            "id": shown_id("chatcmpl-", job),
            "object": "chat.completion",
            "created": int(job.created_at.timestamp()),
            "model": job.model,
            "choices": chat_choices(job),
            "usage": token_usage(job),
            **tier_of(job.lane, asked),
            GENQ: genq_member(job, reading.public_url),
        }

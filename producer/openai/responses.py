"""``/v1/responses``: an answer in words, or a picture."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from producer.openai.endpoint import Defaults, Reading
from producer.openai.request_parts import Rules, request_from
from producer.openai.responses_input import chat_of, image_tool_of, refuse_common
from producer.openai.responses_items import output_of
from producer.openai.responses_messages import text_of
from producer.openai.responses_view import aside_of, response_view
from schemas.generation import Kind
from schemas.job import JobRecord, JobRequest
from schemas.response import BACKGROUND_FACE, RESPONSES_FACE

_WORDS: Final = Rules(
    kind=Kind.CHAT,
    refused=MappingProxyType(
        {
            "audio": "genq answers in words; leave audio out",
            "prediction": "predicted outputs are not supported; leave prediction out",
            "web_search_options": "models search nothing here; leave it out",
            "functions": "is retired; use tools",
            "function_call": "is retired; use tool_choice",
        }
    ),
)
_NOT_MADE: Final = "genq passes on PNG, JPEG and WebP pictures; leave it out"
_NOT_CHANGED: Final = "pictures are changed by /v1/images/edits; leave it out"
_PICTURES: Final = Rules(
    kind=Kind.IMAGE,
    dropped=frozenset({"type"}),
    refused=MappingProxyType(
        {
            "action": _NOT_CHANGED,
            "input_image_mask": _NOT_CHANGED,
            "input_fidelity": _NOT_CHANGED,
            "partial_images": "pictures come when they are done; leave it out",
            "svg": _NOT_MADE,
            "frame_count": _NOT_MADE,
            "frame_duration_ms": _NOT_MADE,
            "complexity": _NOT_MADE,
        }
    ),
    harmless=MappingProxyType({"action": ("auto", "generate"), "partial_images": (0,)}),
)
# Of the body itself, whatever is made.
_KEPT: Final = ("user", "safety_identifier", "metadata", "service_tier", "genq")


class Responses:
    """Words, and pictures where the model or a tool makes such. See ``Endpoint``."""

    path: str = "/v1/responses"
    face: str = RESPONSES_FACE
    kind: Kind = Kind.CHAT

    def request_of(self, body: Mapping[str, Any], defaults: Defaults) -> JobRequest:
        """Return the job that a body asks for: of kind chat, or image. See ``Endpoint``."""
        tool = image_tool_of(body)
        if tool is None and not _draws(body.get("model"), defaults):
            return request_from(chat_of(body), defaults, _WORDS)
        refuse_common(body)
        kept = {name: body[name] for name in _KEPT if name in body}
        # With the tool, the body's own model would only have said what to draw.
        model = body.get("model") if tool is None else tool.get("model")
        prompt = text_of(body.get("input"), body.get("instructions"))
        wanted = {**(tool or {}), **kept, "model": model, "prompt": prompt}
        return request_from(wanted, defaults, _PICTURES)

    async def answer_of(
        self, job: JobRecord, asked: Mapping[str, Any], reading: Reading
    ) -> dict[str, Any]:
        """Return a ``response``. See ``Endpoint.answer_of``."""
        aside = {**job.aside, **aside_of(asked)}
        output = await output_of(job, reading.store)
        return response_view(replace(job, aside=aside), output, reading.public_url)


def _draws(model: object, defaults: Defaults) -> bool:
    return isinstance(model, str) and model in defaults.image_models


class BackgroundResponses(Responses):
    """Responses whose callers do not wait: their ends have events of their own."""

    face: str = BACKGROUND_FACE

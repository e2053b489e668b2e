"""A job as one of OpenAI's responses."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, cast

from producer.openai.genq_member import genq_member, shown_id
from producer.openai.refusals import refusal_of
from producer.openai.request_parts import GENQ, tier_of
from producer.openai.responses_input import IMAGE_TOOL, image_tool_of
from producer.openai.responses_items import Item
from schemas.errors import Category
from schemas.job import JobRecord
from schemas.job_states import JobState
from schemas.response import BACKGROUND_FACE, FAILED, INCOMPLETE, cut_short, response_status

INSTRUCTED: Final = "instructed"
"""Of ``JobRecord.aside``: the first message is the response's instructions."""
DRAWN: Final = "image_tool"
"""Of ``JobRecord.aside``: the tool for pictures was named, not a model of pictures."""

_TIER: Final = MappingProxyType({"service_tier": "default"})
# Codes that a response may fail with, by ours; everything else is the server's fault.
_CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "model_rate_limited": "rate_limit_exceeded",
        "model_busy": "rate_limit_exceeded",
        "context_too_long": "invalid_prompt",
        "model_rejected_request": "invalid_prompt",
    }
)


def aside_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a job cannot tell of the response that a body asks for."""
    aside: dict[str, Any] = {}
    if body.get("instructions"):
        aside[INSTRUCTED] = True
    if image_tool_of(body) is not None:
        aside[DRAWN] = True
    return aside


def response_view(job: JobRecord, output: Sequence[Item], public_url: str) -> dict[str, Any]:
    """Return a job as a response: every key of OpenAI's, and ``genq``.

    Args:
        job: As it is known, ``face`` and ``aside`` included.
        output: Of ``producer.openai.responses_items.output_of``.
        public_url: Where clients reach the API, without a final slash.
    """
    status = response_status(job.state, job.made)
    reason = cut_short(job.state, job.made) if status == INCOMPLETE else None
    ended = job.finished_at if job.state is JobState.SUCCEEDED else None
    return {
        "id": shown_id("resp_", job),
        "object": "response",
        "created_at": int(job.created_at.timestamp()),
        "completed_at": int(ended.timestamp()) if ended else None,
        "status": status,
        "background": job.face == BACKGROUND_FACE,
        "model": job.model,
        "output": list(output),
        "error": _error(job) if status == FAILED else None,
        "incomplete_details": {"reason": reason} if reason else None,
        "usage": _usage(job),
        **_asked(job),
        "metadata": dict(job.metadata),
        "safety_identifier": job.end_user,
        **tier_of(job.lane, _TIER),
        "previous_response_id": None,
        "store": True,
        "truncation": "disabled",
        GENQ: genq_member(job, public_url),
    }


def _asked(job: JobRecord) -> dict[str, Any]:
    """Return what was asked for, out of the input of the job."""
    told = job.input
    text: dict[str, Any] = {"format": _format(told.get("response_format"))}
    if told.get("verbosity"):
        text["verbosity"] = told["verbosity"]
    return {
        "instructions": _instructions(job),
        "max_output_tokens": told.get("max_completion_tokens"),
        "max_tool_calls": None,
        "parallel_tool_calls": told.get("parallel_tool_calls", True),
        "prompt_cache_key": told.get("prompt_cache_key"),
        "reasoning": {"effort": told.get("reasoning_effort"), "summary": None},
        "temperature": told.get("temperature"),
        "text": text,
        "tool_choice": _choice(told.get("tool_choice")),
        "tools": _tools(job),
        "top_logprobs": told.get("top_logprobs"),
        "top_p": told.get("top_p"),
    }


def _instructions(job: JobRecord) -> str | None:
    messages: Sequence[Mapping[str, Any]] = job.input.get("messages") or ()
    return messages[0].get("content") if messages and job.aside.get(INSTRUCTED) else None


def _format(asked: Mapping[str, Any] | None) -> dict[str, Any]:
    if not asked:
        return {"type": "text"}
    return {"type": asked.get("type"), **(asked.get("json_schema") or {})}


def _tools(job: JobRecord) -> list[dict[str, Any]]:
    if job.aside.get(DRAWN):
        return [{"type": IMAGE_TOOL}]
    return [
        {"type": "function", "strict": None, "parameters": None, **(tool.get("function") or {})}
        for tool in job.input.get("tools") or ()
    ]


def _choice(choice: Any) -> Any:
    if not isinstance(choice, Mapping):
        return choice or "auto"
    told = cast("Mapping[str, Any]", choice)
    if told.get("type") == "allowed_tools":
        allowed: Mapping[str, Any] = told["allowed_tools"]
        named = [_named(tool) for tool in allowed.get("tools") or ()]
        shown: dict[str, Any] = {"mode": allowed.get("mode", "auto"), "tools": named}
        return {"type": "allowed_tools", **shown}
    return _named(told)


def _named(tool: Mapping[str, Any]) -> dict[str, Any]:
    function: Mapping[str, Any] = tool.get("function") or {}
    return {"type": "function", "name": function.get("name")}


def _error(job: JobRecord) -> dict[str, Any]:
    _, body = refusal_of(job)
    told = body["error"]
    invalid = job.error is not None and job.error["category"] == Category.INPUT
    usual = "invalid_prompt" if invalid else "server_error"
    return {"code": _CODES.get(body["code"], usual), "message": told["message"]}


def _usage(job: JobRecord) -> dict[str, Any] | None:
    told: Mapping[str, Any] = job.made.get("usage") or {}
    taken, given = told.get("input_tokens"), told.get("output_tokens")
    if taken is None and given is None:
        return None
    taken, given = taken or 0, given or 0
    return {
        "input_tokens": taken,
        "input_tokens_details": {
            "cached_tokens": told.get("cached_tokens") or 0,
            "cache_write_tokens": 0,
        },
        "output_tokens": given,
        "output_tokens_details": {"reasoning_tokens": told.get("reasoning_tokens") or 0},
        "total_tokens": taken + given,
    }

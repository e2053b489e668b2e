"""What models wrote, as OpenAI's answers have it: choices and tokens."""

from collections.abc import Mapping
from typing import Any

from schemas.job import JobRecord


def chat_choices(job: JobRecord) -> list[dict[str, Any]]:
    """Return ``choices`` of a chat; one, if the model was not asked for more."""
    kept = job.made.get("choices") or [job.made]
    return [_chat_choice(n, choice) for n, choice in enumerate(kept)]


def text_choices(job: JobRecord) -> list[dict[str, Any]]:
    """Return ``choices`` of a completion, for each prompt as many as were asked for."""
    kept = job.made.get("choices") or [job.made]
    return [
        {
            "index": n,
            "text": choice.get("text") or "",
            "logprobs": choice.get("logprobs"),
            "finish_reason": choice.get("finish_reason") or "stop",
        }
        for n, choice in enumerate(kept)
    ]


def token_usage(job: JobRecord) -> dict[str, Any] | None:
    """Return ``usage`` in the names of chats and completions; ``None``: nobody counted."""
    told: Mapping[str, Any] = job.made.get("usage") or {}
    asked, answered = told.get("input_tokens"), told.get("output_tokens")
    if asked is None and answered is None:
        return None
    usage: dict[str, Any] = {
        "prompt_tokens": asked or 0,
        "completion_tokens": answered or 0,
        "total_tokens": (asked or 0) + (answered or 0),
    }
    if told.get("cached_tokens") is not None:
        usage["prompt_tokens_details"] = {"cached_tokens": told["cached_tokens"]}
    if told.get("reasoning_tokens") is not None:
        usage["completion_tokens_details"] = {"reasoning_tokens": told["reasoning_tokens"]}
    return usage


def _chat_choice(index: int, kept: Mapping[str, Any]) -> dict[str, Any]:
    rest: Mapping[str, Any] = kept.get("message") or {}
    text = kept.get("text")
    # What a model refused to say is kept as its text, where it said nothing else.
    refused = text is not None and rest.get("refusal") == text
    return {
        "index": index,
        "message": {
            "role": "assistant",
            "content": None if refused else text,
            "refusal": None,
            **rest,
        },
        "logprobs": kept.get("logprobs"),
        "finish_reason": kept.get("finish_reason") or "stop",
    }

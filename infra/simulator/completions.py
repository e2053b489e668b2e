"""``POST /v1/completions``: how a text might go on."""

from typing import Any, Final

import orjson

from infra.simulator.chat_completions import FINGERPRINT
from infra.simulator.odds import odds_of
from infra.simulator.painting.dice import fixed_number
from infra.simulator.prose import count_tokens, paragraph, pieces
from infra.simulator.reply import Reply
from infra.simulator.wire import CompletionBody

USUAL_TOKENS: Final = 16
"""What OpenAI's API gives where nothing is said."""


def answer_completion(body: CompletionBody, *, created: int) -> Reply:
    """Return OpenAI's answer, the same for the same prompts, seed and options."""
    prompts = body.prompts()
    choices: list[dict[str, Any]] = []
    answered = 0
    for prompt in prompts:
        for number in range(body.n or 1):
            tokens, reason = _go_on(body, prompt, number)
            answered += len(tokens)
            choices.append(_choice(body, len(choices), prompt, tokens, reason))
    asked = sum(count_tokens(prompt) for prompt in prompts)
    number = fixed_number("".join(choice["text"] for choice in choices), len(prompts))
    head = {
        "id": f"cmpl-sim{number:010d}",
        "object": "text_completion",
        "created": created,
        "model": body.model,
        "system_fingerprint": FINGERPRINT,
    }
    usage = {
        "prompt_tokens": asked,
        "completion_tokens": answered,
        "total_tokens": asked + answered,
    }
    if body.stream:
        return Reply(events=[orjson.dumps({**head, "choices": [one]}) for one in choices])
    return Reply([orjson.dumps({**head, "choices": choices, "usage": usage})])


def _go_on(body: CompletionBody, prompt: str, number: int) -> tuple[list[str], str]:
    text = " " + paragraph(prompt, prompt, body.seed or 0, number, body.suffix or "")
    stops = [body.stop] if isinstance(body.stop, str) else body.stop or []
    for stop in filter(None, stops):
        text = text.partition(stop)[0]
    tokens = pieces(text)
    most = body.max_tokens or USUAL_TOKENS
    return tokens[:most], "length" if len(tokens) > most else "stop"


def _choice(
    body: CompletionBody, index: int, prompt: str, tokens: list[str], reason: str
) -> dict[str, Any]:
    shown = [*pieces(prompt), *tokens] if body.echo else tokens
    return {
        "index": index,
        "text": (prompt if body.echo else "") + "".join(tokens),
        "logprobs": None if body.logprobs is None else _odds(shown, body.logprobs),
        "finish_reason": reason,
    }


def _odds(tokens: list[str], others: int) -> dict[str, Any]:
    told = odds_of(tokens, others)
    offsets: list[int] = []
    at = 0
    for token in tokens:
        offsets.append(at)
        at += len(token)
    return {
        "tokens": tokens,
        "token_logprobs": [one["logprob"] for one in told],
        "top_logprobs": [
            {top["token"]: top["logprob"] for top in one["top_logprobs"]} for one in told
        ],
        "text_offset": offsets,
    }

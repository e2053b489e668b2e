"""``POST /v1/chat/completions``: a paragraph about the question, whole or as a stream."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import orjson

from infra.simulator.odds import odds_of
from infra.simulator.painting.dice import fixed_number
from infra.simulator.prose import count_tokens, paragraph, pieces, topics_of
from infra.simulator.refusal import bad_value
from infra.simulator.reply import Reply
from infra.simulator.seeing import UNSEEN, Sight, data_in, described, four_prompts, look
from infra.simulator.structured import example_of
from infra.simulator.wire import ChatBody

FINGERPRINT: Final = "fp_genq_simulator"
# OpenAI's own count: what each message costs beside its words.
_TOKENS_PER_MESSAGE: Final = 4
_PIECES_PER_EVENT: Final = 2
_FOUR_PROMPTS: Final = re.compile(r"(?is)\b(?:4|four)\b.{0,200}\bprompts?\b")


@dataclass(frozen=True, slots=True)
class Choice:
    """One text, as its tokens, and why it ends."""

    pieces: Sequence[str]
    finish_reason: str

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.pieces)


def answer_chat(body: ChatBody, *, created: int) -> Reply:
    """Return OpenAI's answer, the same for the same messages, seed and options.

    Of pictures it says what can be measured; asked for four prompts, it makes them of that.
    With pictures this takes milliseconds.

    Raises:
        RefusalError: 400; a JSON schema was promised and not given, or a picture is none.
    """
    pictures = [data_in(url, "messages") for url in body.pictures()]
    seen = [look(picture) for picture in pictures if picture is not None]
    choices = [_choose(body, index, seen) for index in range(body.n or 1)]
    usage = _usage(body, choices, sum(sight.tokens for sight in seen))
    said = "".join(choice.text for choice in choices)
    number = fixed_number(said, len(body.messages))
    head: dict[str, Any] = {
        "id": f"chatcmpl-sim{number:010d}",
        "created": created,
        "model": body.model,
        "system_fingerprint": FINGERPRINT,
    }
    if body.stream:
        return Reply(events=list(_events(body, head, choices, usage)))
    answered = {
        **head,
        "object": "chat.completion",
        "choices": [_whole(body, index, choice) for index, choice in enumerate(choices)],
        "usage": usage,
    }
    return Reply([orjson.dumps(answered)])


def _choose(body: ChatBody, index: int, seen: Sequence[Sight]) -> Choice:
    history = "\0".join(f"{message.role}\0{message.text()}" for message in body.messages)
    seed = 0 if body.seed is None else body.seed
    text = paragraph(body.question(), history, seed, index)
    if seen:
        wanted = _FOUR_PROMPTS.search(body.question())
        text = four_prompts(seen[-1]) if wanted else described(seen)
    if len(seen) < len(body.pictures()):
        text = f"{text} {UNSEEN}"
    text = _shaped(body, text)
    finish_reason = "stop"
    for stop in _stops(body):
        text = text.partition(stop)[0]
    tokens = pieces(text)
    limits = [limit for limit in (body.max_tokens, body.max_completion_tokens) if limit]
    if limits and len(tokens) > min(limits):
        tokens, finish_reason = tokens[: min(limits)], "length"
    return Choice(tokens, finish_reason)


def _stops(body: ChatBody) -> list[str]:
    stops = [body.stop] if isinstance(body.stop, str) else body.stop or []
    return [stop for stop in stops if stop]


def _shaped(body: ChatBody, text: str) -> str:
    wanted = body.response_format
    if wanted is None or wanted.type == "text":
        return text
    if wanted.type == "json_object":
        topics = topics_of(body.question())
        return orjson.dumps({"answer": text, "topics": topics}).decode()
    if wanted.json_schema is None:
        param = "response_format.json_schema"
        raise bad_value(
            param, f"Missing required parameter: '{param}'.", "missing_required_parameter"
        )
    return orjson.dumps(example_of(wanted.json_schema.schema_, text)).decode()


def _usage(body: ChatBody, choices: Sequence[Choice], of_pictures: int) -> dict[str, int]:
    asked = of_pictures + sum(
        _TOKENS_PER_MESSAGE + count_tokens(message.text()) for message in body.messages
    )
    answered = sum(len(choice.pieces) for choice in choices)
    return {
        "prompt_tokens": asked,
        "completion_tokens": answered,
        "total_tokens": asked + answered,
    }


def _whole(body: ChatBody, index: int, choice: Choice) -> dict[str, Any]:
    return {
        "index": index,
        "message": {"role": "assistant", "content": choice.text, "refusal": None},
        "logprobs": _odds(body, choice),
        "finish_reason": choice.finish_reason,
    }


def _odds(body: ChatBody, choice: Choice) -> dict[str, Any] | None:
    if not body.logprobs:
        return None
    return {"content": odds_of(choice.pieces, body.top_logprobs or 0), "refusal": None}


def _events(
    body: ChatBody, head: dict[str, Any], choices: Sequence[Choice], usage: dict[str, int]
) -> Iterator[bytes]:
    head = {**head, "object": "chat.completion.chunk"}
    with_usage = bool(body.stream_options and body.stream_options.include_usage)

    def event(index: int, delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        part = {"index": index, "delta": delta, "finish_reason": finish_reason}
        chunk = {**head, "choices": [part]}
        return orjson.dumps({**chunk, "usage": None} if with_usage else chunk)

    for index, choice in enumerate(choices):
        yield event(index, {"role": "assistant", "content": ""})
        parts = iter(choice.pieces)
        while text := "".join(islice(parts, _PIECES_PER_EVENT)):
            yield event(index, {"content": text})
        yield event(index, {}, choice.finish_reason)
    if with_usage:
        yield orjson.dumps({**head, "choices": [], "usage": usage})

"""Chats and completions: texts, all that are asked for, and what a server says of each."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from pydantic import JsonValue

from schemas.claim import Claim
from worker.progress import LiveNews
from worker.providers.answers import (
    ChatAnswer,
    Choice,
    CompletionAnswer,
    storable,
    storable_text,
    text_of,
    usage_of,
)
from worker.providers.provider import Reply
from worker.providers.server_calls import ServerCalls
from worker.providers.streamed import text_so_far_to
from worker.shown_text import ShownText

_CHAT: Final = "/chat/completions"
_COMPLETIONS: Final = "/completions"
_WITHHELD: Final = "content_filter"
_STREAM: Final[Mapping[str, Any]] = {"stream": True, "stream_options": {"include_usage": True}}


class TextCalls:
    """Asks one model server for texts."""

    def __init__(self, calls: ServerCalls, news: LiveNews | None = None) -> None:
        self._calls = calls
        self._news = news

    async def chat(self, claim: Claim, *, streamed: bool) -> Reply:
        """Return what a model answers to a conversation.

        Args:
            claim: The attempt.
            streamed: Whether the server tells piece by piece what one plain answer is.

        Raises:
            GenqError: See ``Provider.generate``.
        """
        answer = await self._ask_for_chat(claim, streamed=streamed)
        wanted = int(claim.input.get("n") or 1)
        # Order is what tells choices apart; not all servers keep it.
        choices = sorted(answer.choices, key=lambda choice: choice.index)[:wanted]
        return self._reply([_kept(choice) for choice in choices], answer.usage)

    async def complete(self, claim: Claim) -> Reply:
        """Return how a model goes on from each prompt, ``n`` times.

        Raises:
            GenqError: See ``Provider.generate``.
        """
        answer = await self._calls.ask(_COMPLETIONS, claim, CompletionAnswer)
        prompts = claim.input.get("prompt")
        many = len(cast("list[object]", prompts)) if isinstance(prompts, list) else 1
        wanted = many * int(claim.input.get("n") or 1)
        choices = sorted(answer.choices, key=lambda choice: choice.index)[:wanted]
        # Of one prompt fewer texts are welcome; of several nobody knows which one has none.
        if many > 1 and len(choices) < wanted:
            raise self._calls.bad_answer(f"with {len(choices)} of {wanted} texts")
        kept = [
            _told(storable_text(choice.text), choice.finish_reason, choice.logprobs)
            for choice in choices
        ]
        return self._reply(kept, answer.usage)

    def _reply(self, choices: Sequence[dict[str, JsonValue]], usage: JsonValue) -> Reply:
        if not choices:
            raise self._calls.bad_answer("without a choice")
        if all(choice["finish_reason"] == _WITHHELD for choice in choices):
            raise self._calls.withheld()
        first = dict(choices[0])
        text = first.pop("text", None)
        if len(choices) > 1:
            first["choices"] = list(choices)
        return Reply(
            text=text if isinstance(text, str) else None, usage=usage_of(usage), details=first
        )

    async def _ask_for_chat(self, claim: Claim, *, streamed: bool) -> ChatAnswer:
        news = self._news
        # Several texts at once, and odds of words, are read when they are whole.
        plain = claim.input.get("n", 1) == 1 and not claim.input.get("logprobs")
        if news is None or not streamed or not plain:
            return await self._calls.ask(_CHAT, claim, ChatAnswer)
        async with ShownText(news, claim) as shown:
            read = text_so_far_to(shown.so_far)
            return await self._calls.ask_streamed(_CHAT, claim, read, more=_STREAM)


def _kept(choice: Choice) -> dict[str, JsonValue]:
    """Return what is kept of an answer: its words apart from the rest of its message."""
    known = {"role", "content"}
    rest: dict[str, JsonValue] = {
        name: value
        for name, value in choice.message.items()
        if name not in known and value is not None
    }
    kept = _told(text_of(choice.message), choice.finish_reason, choice.logprobs)
    if rest:
        kept["message"] = storable(rest)
    return kept


def _told(text: str | None, reason: str | None, logprobs: JsonValue) -> dict[str, JsonValue]:
    kept: dict[str, JsonValue] = {"finish_reason": storable(reason)}
    if text is not None:
        kept["text"] = text
    if logprobs is not None:
        kept["logprobs"] = storable(logprobs)
    return kept

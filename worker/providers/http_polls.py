"""Work that a call only begins: followed to its end, and given up when nobody waits."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from math import isfinite
from typing import Final

import structlog
from pydantic import JsonValue

from schemas.claim import Claim
from schemas.errors import GenqError, ModelUnavailableError
from schemas.http_answer import HttpPoll
from schemas.http_call import ID, HttpCall
from worker.progress import LiveNews
from worker.providers.http_answers import HttpAnswers, at
from worker.providers.http_template import Scope, filled_path
from worker.providers.plain_calls import HttpReply, PlainCalls

# A question that fails is asked again by the next one; so many in a row are a failure.
_MISSED: Final = 3
_ASK_SECONDS: Final = 30.0
# Less than a worker that stops gives its attempts to close.
_CANCEL_SECONDS: Final = 2.0
_LONGEST_PAUSE: Final = 60.0
_LONGEST_ID: Final = 512
_STEPS: Final = 100
_GONE: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})

log: Final = structlog.get_logger()


class HttpPolls:
    """Follows the work of one model server.

    Args:
        calls: Of that server.
        answers: Read them.
        news: Hears how far work is.
    """

    def __init__(
        self, calls: PlainCalls, answers: HttpAnswers, news: LiveNews | None = None
    ) -> None:
        self._calls = calls
        self._answers = answers
        self._news = news
        self._cancels: set[asyncio.Task[None]] = set()

    async def followed(
        self,
        claim: Claim,
        call: HttpCall,
        poll: HttpPoll,
        first: HttpReply,
        scope: Scope,
        headers: Mapping[str, str],
    ) -> HttpReply:
        """Return the answer that holds what was made.

        Args:
            claim: The attempt.
            call: The call that began it.
            poll: How it is followed.
            first: The answer to that call.
            scope: What placeholders mean.
            headers: Of every call.

        Raises:
            GenqError: The work failed, or nobody can tell any more what became of it.
        """
        document = await self._answers.document(first, call)
        name = self._name_in(document, poll)
        work = _Work({**scope, ID: name}, headers)
        reply, ended = first, False
        try:
            while not (ended := self._ended(document, call, poll, began=reply is first)):
                self._tell(claim, document, poll)
                reply = await self._asked(claim, poll, work)
                document = await self._answers.document(reply, call)
            if poll.result is None:
                return reply
            path = filled_path(poll.result, work.scope)
            reply = await self._calls.ask("GET", path, claim, headers=headers)
            if reply.status != HTTPStatus.OK:
                raise self._answers.refused(reply, call)
        except _Failed as failed:
            raise self._answers.failed(failed.document, call) from None
        except BaseException:
            if not ended:
                self._give_up(poll, work)
            raise
        return reply

    async def close(self) -> None:
        """Wait for what tells the server that nobody waits any more."""
        await asyncio.gather(*self._cancels)

    def _name_in(self, document: JsonValue, poll: HttpPoll) -> str | int:
        name = at(document, poll.id)
        if isinstance(name, int) and not isinstance(name, bool):
            return name
        if isinstance(name, str) and 0 < len(name) <= _LONGEST_ID and name.strip("."):
            return name
        raise self._calls.bad_answer("that does not say what the work is called")

    def _ended(
        self, document: JsonValue, call: HttpCall, poll: HttpPoll, *, began: bool
    ) -> bool:
        del call
        status = at(document, poll.status)
        if status is None and not began:
            raise self._calls.bad_answer("that does not say how the work is")
        word = _word(status)
        if word in poll.failed:
            raise _Failed(document)
        return word in poll.done

    async def _asked(self, claim: Claim, poll: HttpPoll, work: "_Work") -> HttpReply:
        """Return the next answer that says how the work is."""
        missed = 0
        pause = poll.interval
        while True:
            await asyncio.sleep(pause)
            try:
                return await self._ask(claim, poll, work)
            except GenqError as error:
                missed += 1
                if not error.retryable or missed >= _MISSED:
                    raise
                asked = error.retry_after.total_seconds() if error.retry_after else 0.0
                pause = max(poll.interval, min(asked, _LONGEST_PAUSE))

    async def _ask(self, claim: Claim, poll: HttpPoll, work: "_Work") -> HttpReply:
        reply = await self._calls.ask(
            poll.method,
            filled_path(poll.path, work.scope),
            claim,
            headers=work.headers,
            seconds=_ASK_SECONDS,
        )
        if reply.status in _GONE:
            raise _Lost(
                f"model server {self._calls.server.name} has lost the work: submit the job "
                "again later"
            )
        if reply.status not in range(200, 300):
            raise self._calls.refused(reply)
        return reply

    def _tell(self, claim: Claim, document: JsonValue, poll: HttpPoll) -> None:
        told = at(document, poll.progress)
        if self._news is None or isinstance(told, bool) or not isinstance(told, int | float):
            return
        share = told / poll.progress_of
        if isfinite(share):
            step = round(min(max(share, 0.0), 1.0) * _STEPS)
            self._news.progressed(claim, step=step, steps=_STEPS)

    def _give_up(self, poll: HttpPoll, work: "_Work") -> None:
        if poll.cancel is None:
            return
        task = asyncio.create_task(self._cancel(poll, filled_path(poll.cancel, work.scope), work))
        self._cancels.add(task)
        task.add_done_callback(self._cancels.discard)

    async def _cancel(self, poll: HttpPoll, path: str, work: "_Work") -> None:
        try:
            await self._calls.ask(
                poll.cancel_method, path, None, headers=work.headers, seconds=_CANCEL_SECONDS
            )
        except GenqError:
            # It is gone, and the work with it.
            log.info("http_cancel_failed", server=self._calls.server.name)


class _Work:
    """What all questions about one piece of work have in common."""

    def __init__(self, scope: Scope, headers: Mapping[str, str]) -> None:
        self.scope = scope
        self.headers = headers


class _Failed(Exception):
    def __init__(self, document: JsonValue) -> None:
        super().__init__()
        self.document = document


class _Lost(ModelUnavailableError):
    """To ask once more would not help."""


def _word(status: JsonValue) -> str:
    if isinstance(status, bool):
        return "true" if status else "false"
    return str(status) if isinstance(status, str | int) else ""

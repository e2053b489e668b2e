"""Work that a call only begins: followed to its end, and given up when nobody waits."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from http import HTTPStatus
from typing import Final

import structlog
from pydantic import JsonValue

from schemas.claim import Claim
from schemas.errors import GenqError, ModelRateLimitedError, ModelUnavailableError
from schemas.http_answer import HttpPoll
from schemas.http_call import ID, HttpCall
from worker.progress import LiveNews
from worker.providers.cancels import CANCEL_SECONDS, Cancels
from worker.providers.http_answers import HttpAnswers, at
from worker.providers.http_template import Scope, filled_path
from worker.providers.plain_calls import HttpReply, PlainCalls

# A question that fails is asked again by the next one; so many in a row are a failure.
_MISSED: Final = 3
_ASK_SECONDS: Final = 30.0
_LONGEST_PAUSE: Final = 60.0
_LONGEST_ID: Final = 512
_STEPS: Final = 100
_GOOD: Final = range(200, 300)
_GONE: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})

log: Final = structlog.get_logger()


class _State(Enum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Work:
    """What a call began.

    Attributes:
        claim: The attempt.
        call: The call that began it.
        poll: How it is followed.
        scope: What placeholders mean.
        headers: Of every call.
    """

    claim: Claim
    call: HttpCall
    poll: HttpPoll
    scope: Scope
    headers: Mapping[str, str]


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
        self._cancels = Cancels()

    async def followed(self, work: Work, first: HttpReply) -> HttpReply:
        """Return the answer that holds what was made.

        Args:
            work: What is followed.
            first: The answer to the call that began it.

        Raises:
            GenqError: The work failed, or nobody can tell any more what became of it.
        """
        document = await self._answers.document(first)
        name = self._name_in(document, first, work)
        work = replace(work, scope={**work.scope, ID: name})
        reply, state = first, self._state(document, first, work, began=True)
        try:
            while state is _State.RUNNING:
                self._tell(document, work)
                reply = await self._asked(work)
                document = await self._answers.document(reply)
                state = self._state(document, reply, work)
        except BaseException:
            self._give_up(work)
            raise
        if state is _State.FAILED:
            raise self._answers.failed(document, work.call)
        if work.poll.result is None:
            return reply
        path = filled_path(work.poll.result, work.scope)
        return await self._insisted(work, lambda: self._result(work, path))

    async def close(self) -> None:
        """Wait for what tells the server that nobody waits any more."""
        await self._cancels.close()

    def _name_in(self, document: JsonValue, first: HttpReply, work: Work) -> str | int:
        name = at(document, work.poll.id)
        if isinstance(name, int) and not isinstance(name, bool):
            return name
        if isinstance(name, str) and len(name) <= _LONGEST_ID and name.strip("."):
            return name
        self._answers.hold_sound(document, first, work.call)
        raise self._calls.bad_answer("that does not say what the work is called")

    def _state(
        self, document: JsonValue, reply: HttpReply, work: Work, *, began: bool = False
    ) -> _State:
        poll = work.poll
        status = at(document, poll.status)
        if status is None and not began:
            self._answers.hold_sound(document, reply, work.call)
            raise self._calls.bad_answer("that does not say how the work is")
        word = _word(status)
        if word in poll.failed:
            return _State.FAILED
        return _State.DONE if word in poll.done else _State.RUNNING

    async def _asked(self, work: Work) -> HttpReply:
        """Return the next answer that says how the work is."""
        await asyncio.sleep(work.poll.interval)
        return self._known(await self._insisted(work, lambda: self._ask(work)))

    async def _insisted(self, work: Work, ask: Callable[[], Awaitable[HttpReply]]) -> HttpReply:
        """Return the answer to a question, which is asked again where it fails.

        The work is not lost because its server is asked too often: whoever waits for the job
        ends the wait.
        """
        missed, pause = 0, work.poll.interval
        while True:
            try:
                return await ask()
            except GenqError as error:
                asked = error.retry_after.total_seconds() if error.retry_after else 0.0
                if isinstance(error, ModelRateLimitedError):
                    asked = max(asked, 2 * pause)
                else:
                    missed += 1
                if not error.retryable or missed >= _MISSED:
                    raise
                pause = max(work.poll.interval, min(asked, _LONGEST_PAUSE))
            await asyncio.sleep(pause)

    async def _ask(self, work: Work) -> HttpReply:
        poll = work.poll
        path = filled_path(poll.path, work.scope)
        reply = await self._calls.ask(
            poll.method, path, work.claim, headers=work.headers, seconds=_ASK_SECONDS
        )
        if reply.status not in _GOOD and reply.status not in _GONE:
            raise self._answers.refused(reply, work.call)
        return reply

    def _known(self, reply: HttpReply) -> HttpReply:
        if reply.status in _GONE:
            raise ModelUnavailableError(
                f"model server {self._calls.server.name} does not know the work any more: "
                "submit the job again later"
            )
        return reply

    async def _result(self, work: Work, path: str) -> HttpReply:
        reply = await self._calls.ask("GET", path, work.claim, headers=work.headers)
        if reply.status not in _GOOD:
            raise self._answers.refused(reply, work.call)
        return reply

    def _tell(self, document: JsonValue, work: Work) -> None:
        told = at(document, work.poll.progress)
        if self._news is None or isinstance(told, bool) or not isinstance(told, int | float):
            return
        share = min(max(told / work.poll.progress_of, 0.0), 1.0)
        self._news.progressed(work.claim, step=round(share * _STEPS), steps=_STEPS)

    def _give_up(self, work: Work) -> None:
        if work.poll.cancel is None:
            return
        self._cancels.begin(self._cancel(work, work.poll.cancel))

    async def _cancel(self, work: Work, path: str) -> None:
        method, path = work.poll.cancel_method, filled_path(path, work.scope)
        try:
            await self._calls.ask(
                method, path, work.claim, headers=work.headers, seconds=CANCEL_SECONDS
            )
        except GenqError:
            # It is gone, and the work with it.
            log.info("http_cancel_failed", server=self._calls.server.name)


def _word(status: JsonValue) -> str:
    if isinstance(status, bool):
        return "true" if status else "false"
    return str(status) if isinstance(status, str | int) else ""

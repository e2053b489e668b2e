"""The door of chats: what happens between a platform's request and the answer to it.

A request is answered within its budget of time, whatever hangs: by then with what came of it,
else with a form that says so, and the work goes on. What a signed request meets never becomes
an error of HTTP: it is told to whoever asked, and logged.

What was deferred lives in this process. One that stops tells whoever still waits that they are
to ask again; of one that is killed nobody tells them, and the platform shows it as unanswered.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from typing import Any, Final

import structlog

from infra.audit_actor import acting_as
from infra.call_gate import CallGate
from infra.chat.adapter import ChatAdapter
from infra.chat.shown_text import cleaned
from infra.new_ids import new_key
from infra.telemetry.metrics import CHAT_ANSWER_SECONDS, CHAT_REQUESTS
from producer.chat.admission import admit, count_person
from producer.chat.asked import Adapters, ChatMeans, Opened, Outcome, Turn
from producer.chat.commands import COMMANDS, MAKING, for_all
from producer.chat.late import bring_later
from producer.chat.presses import press
from producer.chat.words import fault_notice, notice_of
from schemas.chat import Platform
from schemas.chat_errors import ChatNotConfiguredError
from schemas.chat_inbound import Command, Ignored, Inbound, Ping, Press
from schemas.chat_view import ChatAnswer, Defer, Mark, Reply, Tell
from schemas.errors import DatabaseUnavailableError, GenqError, Severity
from schemas.ids import format_id

# For as long a request that was answered already is tried again while PostgreSQL is away.
_PATIENCE_SECONDS: Final = 30.0
_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 2.0
# Of a process that stops.
_LAST_WAIT_SECONDS: Final = 10.0
_LAST_WORDS_SECONDS: Final = 3.0

_LOST: Final = Tell(notice_of(DatabaseUnavailableError("this process stops")))

_log = structlog.get_logger()


class ChatDoor:
    """Answers platforms.

    Args:
        means: What commands work with.
        adapters: Of the bots that are configured.
        calls: Counts what people ask.
        budget: Seconds from a request to its answer.
    """

    def __init__(
        self, means: ChatMeans, adapters: Adapters, calls: CallGate, budget: float
    ) -> None:
        self._means = means
        self._adapters = adapters
        self._calls = calls
        self._budget = budget
        self._tasks: set[asyncio.Task[Any]] = set()
        self._deferred: set[asyncio.Task[Outcome]] = set()

    async def answer(
        self, platform: Platform, headers: Mapping[str, str], body: bytes
    ) -> ChatAnswer:
        """Answer one request of a platform.

        Args:
            platform: Whose door it came to.
            headers: Names in lower case.
            body: As it came.

        Raises:
            ChatNotConfiguredError: There is no bot of this platform.
            ChatUnauthorizedError: The platform did not sign it.
            ChatUnreadableError: It is signed, and not what the platform documents.
        """
        began = asyncio.get_running_loop().time()
        adapter = self._adapters.get(platform)
        if adapter is None:
            raise ChatNotConfiguredError(f"no {platform} bot is configured on this server")
        heard = _heard(adapter, headers, body, self._means)
        if isinstance(heard, Ping | Ignored):
            _count(platform, "ping" if isinstance(heard, Ping) else "ignored", began)
            return adapter.answer(heard, None)
        return await self._within_budget(adapter, heard, began)

    async def close(self, patience: float = _LAST_WAIT_SECONDS) -> None:
        """Wait for what was answered and is not done yet, for a while; then give it up.

        Args:
            patience: Seconds. Of what was deferred it is told then that it came to nothing.
        """
        await self._wait(patience)
        for work in list(self._deferred):
            work.cancel()
        await self._wait(_LAST_WORDS_SECONDS)
        for task in (left := list(self._tasks)):
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _wait(self, seconds: float) -> None:
        """Wait for so long until nothing is under way: one that ends may start another."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + seconds
        while self._tasks and (left := give_up - loop.time()) > 0:
            await asyncio.wait(set(self._tasks), timeout=left)

    async def _within_budget(
        self, adapter: ChatAdapter, heard: Command | Press, began: float
    ) -> ChatAnswer:
        turn = Turn()
        work = self._start(self._work(adapter, heard, turn))
        left = began + self._budget - asyncio.get_running_loop().time()
        # Not cancelled, whatever becomes of this request: its answer is owed all the same.
        await asyncio.wait({work}, timeout=max(left, 0.0))
        if not work.done():
            turn.deferred = True
            self._deferred.add(work)
            work.add_done_callback(self._deferred.discard)
            self._start(self._finish_late(adapter, heard, work))
            _count(heard.platform, "deferred", began)
            return adapter.answer(heard, Defer())
        outcome = work.result()
        answer = outcome.answer if isinstance(outcome, Opened) else None
        answer = answer or self._answer_of(adapter, heard, outcome)
        if not answer.told and (reply := _reply_of(outcome)) is not None:
            self._start(bring_later(self._means, adapter, heard, reply))
        _count(heard.platform, _outcome(outcome), began)
        return answer

    def _answer_of(
        self, adapter: ChatAdapter, heard: Command | Press, outcome: Outcome
    ) -> ChatAnswer:
        if isinstance(outcome, Opened):
            return outcome.answer
        return adapter.answer(heard, outcome)

    def _start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _finish_late(
        self, adapter: ChatAdapter, heard: Command | Press, work: asyncio.Task[Outcome]
    ) -> None:
        await asyncio.wait({work})
        reply = _LOST if work.cancelled() else _reply_of(work.result())
        if reply is None and isinstance(heard, Press):
            reply = Mark(None)
        if reply is not None:
            await bring_later(self._means, adapter, heard, reply, deferred=True)

    async def _work(self, adapter: ChatAdapter, heard: Command | Press, turn: Turn) -> Outcome:
        """Return what becomes of a request; nothing but cancellation comes out."""
        try:
            with acting_as(f"chat {heard.platform}"):
                return await self._persistently(adapter, heard, turn)
        except GenqError as error:
            if error.severity in {Severity.HIGH, Severity.CRITICAL}:
                _log.error(
                    "chat_request_refused", platform=heard.platform.value, code=error.code
                )
            return Tell(notice_of(error))
        except Exception as error:  # noqa: BLE001 - whoever asked is told, whatever it is
            error_id = format_id("err", new_key())
            _log.exception(
                "chat_request_failed",
                platform=heard.platform.value,
                error_id=error_id,
                error_type=type(error).__name__,
            )
            return Tell(fault_notice(error_id))

    async def _persistently(
        self, adapter: ChatAdapter, heard: Command | Press, turn: Turn
    ) -> Outcome:
        """Decide; of what was deferred, as often as PostgreSQL's absence makes necessary.

        The dedupe key makes a job once, however often this is done.
        """
        loop = asyncio.get_running_loop()
        give_up, pause = loop.time() + _PATIENCE_SECONDS, _FIRST_PAUSE
        while True:
            try:
                return await self._decide(adapter, heard, turn)
            except DatabaseUnavailableError:
                if not turn.deferred or loop.time() + pause > give_up:
                    raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _decide(
        self, adapter: ChatAdapter, heard: Command | Press, turn: Turn
    ) -> Outcome:
        # A plain command's repetition is found where its job would be written.
        if isinstance(heard, Press) or (heard.name in MAKING and heard.pictures):
            before = await self._means.submitter.chat_answered(heard)
            if before is not None:
                return Opened(before.answer, None, posted_later=False)
        if not turn.counted:
            # Once, however often it is tried.
            await count_person(self._calls, heard)
            turn.counted = True
        if isinstance(heard, Command):
            anybody = for_all(heard.name)
            if anybody is not None:
                return await anybody(self._means, heard)
            asked = await admit(self._means, adapter, heard, turn)
            if isinstance(asked, Tell):
                return asked
            return await COMMANDS[heard.name](self._means, asked)
        pressed = await admit(self._means, adapter, heard, turn)
        return pressed if isinstance(pressed, Tell) else await press(self._means, pressed)


def _heard(
    adapter: ChatAdapter, headers: Mapping[str, str], body: bytes, means: ChatMeans
) -> Inbound:
    platform, now = adapter.platform.value, means.clock.now()
    try:
        adapter.verify(headers, body, now)
        return _storable(adapter.parse(headers, body, now))
    except GenqError as error:
        CHAT_REQUESTS.labels(platform, error.code).inc()
        raise


def _storable(heard: Inbound) -> Inbound:
    """Take out of a command's words what cannot be stored, and what nobody should be shown."""
    if not isinstance(heard, Command):
        return heard
    options = {name: cleaned(value) for name, value in heard.options.items()}
    return replace(heard, text=cleaned(heard.text), options=options)


def _reply_of(outcome: Outcome) -> Reply | None:
    return outcome.reply if isinstance(outcome, Opened) else outcome


def _outcome(outcome: Outcome) -> str:
    if isinstance(outcome, Opened):
        return "repeated" if outcome.reply is None else "opened"
    return "told" if isinstance(outcome, Tell) else "answered"


def _count(platform: Platform, outcome: str, began: float) -> None:
    CHAT_REQUESTS.labels(platform.value, outcome).inc()
    took = asyncio.get_running_loop().time() - began
    CHAT_ANSWER_SECONDS.labels(platform.value).observe(took)

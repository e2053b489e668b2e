"""Is PostgreSQL still there? Cuts the lines to a server that has fallen silent.

A server that died closes its connections. One that is frozen, or behind a cable that was
pulled, closes nothing: its kernel, or nobody, answers, and a statement waits for ever, for the
server is who would have ended it. So a line on which nothing comes for a while, and nothing on
any other either, is a reason to ask over a new one. As long as that is answered, or anything
else is, the statement is merely slow. If nothing is, all such lines are cut, and who wants one
is refused at once, until an answer comes: less than two seconds after the last one.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Generator
from typing import Any, Final

import structlog

from schemas.errors import DatabaseUnavailableError

_SUSPICIOUS_SECONDS: Final = 0.5
_ANSWER_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 0.2
_LONGEST_STEP_SECONDS: Final = 0.3
# Longer than any statement may take: nothing will come on this line, whatever comes on others.
_HOPELESS_SECONDS: Final = 70.0

_log = structlog.get_logger()


class Pulse:
    """Watches the lines of one pool.

    Args:
        ask: Connects anew and gets an answer, any answer, or raises.
    """

    def __init__(self, ask: Callable[[], Awaitable[None]]) -> None:
        self._ask = ask
        self._lines: dict[Any, float] = {}
        self._heard = 0.0
        self._silent = False
        self._watch: asyncio.Task[None] | None = None
        self._questions: set[asyncio.Task[None]] = set()

    def require(self) -> None:
        """Refuse at once what would only wait.

        Raises:
            DatabaseUnavailableError: The server is silent.
        """
        if self._silent:
            raise DatabaseUnavailableError("PostgreSQL does not answer")

    @contextlib.contextmanager
    def watching(self, line: Any) -> Generator[None]:
        """Watch a psycopg connection while it is used; it is cut if the server is silent."""
        loop = asyncio.get_running_loop()
        self._lines[line] = loop.time()
        if self._watch is None:
            self._watch = loop.create_task(self._look())
        try:
            yield
            self._heard = loop.time()
        finally:
            self._lines.pop(line, None)

    async def close(self) -> None:
        """Stop watching."""
        tasks = [*self._questions, *([self._watch] if self._watch else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            quiet = loop.time() - self._heard >= _SUSPICIOUS_SECONDS
            if self._silent or (quiet and self._older_than(_SUSPICIOUS_SECONDS)):
                began = loop.time()
                answered = await self._answers()
                if answered:
                    self._heard = loop.time()
                self._tell(silent=not answered and self._heard <= began)
            limit = _SUSPICIOUS_SECONDS if self._silent else _HOPELESS_SECONDS
            for line in self._older_than(limit):
                _cut(line)

    def _tell(self, *, silent: bool) -> None:
        if silent != self._silent:
            self._silent = silent
            _log.warning("database_silent" if silent else "database_answers_again")

    def _older_than(self, seconds: float) -> list[Any]:
        before = asyncio.get_running_loop().time() - seconds
        return [line for line, since in self._lines.items() if since < before]

    async def _answers(self) -> bool:
        """Ask; the question itself may hang, and is then left to its own time limit."""
        question = asyncio.ensure_future(self._ask_once())
        self._questions.add(question)
        question.add_done_callback(self._questions.discard)
        loop = asyncio.get_running_loop()
        rest = _ANSWER_SECONDS
        # In steps: a process that was itself kept from running must not call others silent.
        # But being late at each step must not make a second two either.
        while rest > 0 and not question.done():
            began = loop.time()
            await asyncio.wait({question}, timeout=_LOOK_SECONDS)
            rest -= min(loop.time() - began, _LONGEST_STEP_SECONDS)
        return question.done() and question.exception() is None

    async def _ask_once(self) -> None:
        await self._ask()


def _cut(line: Any) -> None:
    """Shut the socket under libpq, which then reports a lost connection at once.

    Cancelling would ask the silent server to cancel, and wait for its answer.
    """
    with contextlib.suppress(Exception), socket.socket(fileno=socket.dup(line.fileno())) as end:
        end.shutdown(socket.SHUT_RDWR)

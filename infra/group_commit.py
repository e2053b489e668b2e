"""Group commit: many callers' rows, one statement.

A row that arrives while nothing is going on is written at once. While a write is under way, or
has only just begun, rows gather and go together: cost per row falls as load rises, and an idle
system waits for nothing.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final, Generic, TypeVar

from infra.telemetry.metrics import GROUP_COMMIT_ROWS
from schemas.errors import DatabaseUnavailableError

Row = TypeVar("Row")
Outcome = TypeVar("Outcome")

# Two writes begin at least this far apart: the most that a row waits under load. A write that
# takes long says that the machine is busy; fewer, fuller ones then cost everybody less.
PACE: Final = timedelta(milliseconds=8)
_SLOWEST_PACE: Final = 0.025
_PACE_PER_WRITE: Final = 3
LARGEST: Final = 100
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0


class GroupCommit(Generic[Row, Outcome]):
    """Collects rows and hands them to ``write`` in groups, in order of arrival.

    Args:
        write: Writes the rows in one transaction and returns one outcome per row, in order.
            It may be called again with rows that were written already, when the fate of a
            commit is unknown, and must then give the same outcomes.
        name: The statement, as metrics call it.
        patience: How long a group is tried again while the database cannot be reached.
        pace: The shortest time between the beginnings of two writes.
        largest: The most rows in one write.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Row]], Awaitable[Sequence[Outcome]]],
        *,
        name: str,
        patience: timedelta = timedelta(0),
        pace: timedelta = PACE,
        largest: int = LARGEST,
    ) -> None:
        self._write = write
        self._patience = patience.total_seconds()
        self._pace = pace.total_seconds()
        self._largest = largest
        self._rows_written = GROUP_COMMIT_ROWS.labels(name)
        self._waiting: list[tuple[Row, asyncio.Future[Outcome]]] = []
        self._full = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._next_start = 0.0

    async def add(self, row: Row) -> Outcome:
        """Write ``row`` with the next group and return its own outcome.

        Raises:
            DatabaseUnavailableError: Not written within ``patience``, or fate unknown.
            Exception: Whatever ``write`` raised for this row alone.
        """
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[Outcome] = loop.create_future()
        self._waiting.append((row, outcome))
        if len(self._waiting) >= self._largest:
            self._full.set()
        if self._writer is None or self._writer.done():
            self._writer = loop.create_task(self._write_all())
        return await outcome

    async def close(self) -> None:
        """Wait until everything that was added is written or has failed."""
        while self._writer is not None and not self._writer.done():
            await asyncio.wait([self._writer])

    async def _write_all(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            pause = self._next_start - loop.time()
            if pause > 0 and len(self._waiting) < self._largest:
                self._full.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._full.wait()
            group, self._waiting = (
                self._waiting[: self._largest],
                self._waiting[self._largest :],
            )
            began = loop.time()
            self._next_start = began + self._pace
            await self._write_group(group)
            took = loop.time() - began
            slower = min(_SLOWEST_PACE, _PACE_PER_WRITE * took)
            self._next_start = began + max(self._pace, slower)

    async def _write_group(self, group: list[tuple[Row, asyncio.Future[Outcome]]]) -> None:
        self._rows_written.observe(len(group))
        try:
            outcomes = await self._persist([row for row, _ in group])
            answered = list(zip(group, outcomes, strict=True))
        except DatabaseUnavailableError as error:
            for _, future in group:
                _fail(future, error)
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the rows' callers
            if len(group) == 1:
                _fail(group[0][1], error)
                return
            # One bad row must not take the others with it.
            for member in group:
                await self._write_group([member])
        else:
            for (_, future), outcome in answered:
                if not future.done():
                    future.set_result(outcome)

    async def _persist(self, rows: list[Row]) -> Sequence[Outcome]:
        loop = asyncio.get_running_loop()
        give_up = loop.time() + self._patience
        pause = _FIRST_PAUSE
        while True:
            try:
                return await self._write(rows)
            except DatabaseUnavailableError:
                if loop.time() + pause > give_up:
                    raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


def _fail(future: "asyncio.Future[Outcome]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)

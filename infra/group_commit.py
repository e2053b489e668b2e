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
Done = TypeVar("Done")
# A row, who waits for it, and since when by the loop's clock.
_Waiting = tuple[Row, "asyncio.Future[Outcome]", float]

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
        patience: How long after its arrival a row is tried again while the database cannot be
            reached; one try it gets, however late. A database that was found away may hang
            as well: from then on, until it answers, no row waits longer than this, whatever
            is under way. A row that is under way itself fails then and may be written all the
            same. 0: no limit but that of ``write``.
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
        self._waiting: list[_Waiting[Row, Outcome]] = []
        self._full = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._next_start = 0.0
        # Since when nothing was answered: what the last write failed with.
        self._away: DatabaseUnavailableError | None = None

    async def add(self, row: Row) -> Outcome:
        """Write ``row`` with the next group and return its own outcome.

        Raises:
            DatabaseUnavailableError: Not known to be written within ``patience``; whether it
                was, or will be by the write under way, is unknown.
            Exception: Whatever ``write`` raised for this row alone.
        """
        return await self.put(row)

    def put(self, row: Row) -> "asyncio.Future[Outcome]":
        """Write ``row`` with the next group; what ``add`` returns or raises comes later.

        A task that waits for it costs more than most rows do.
        """
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[Outcome] = loop.create_future()
        self._waiting.append((row, outcome, loop.time()))
        if len(self._waiting) >= self._largest:
            self._full.set()
        if self._writer is None or self._writer.done():
            self._writer = loop.create_task(self._write_all())
        return outcome

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

    async def _write_group(self, group: "list[_Waiting[Row, Outcome]]") -> None:
        self._rows_written.observe(len(group))
        pause = _FIRST_PAUSE
        while group:
            try:
                writing = self._write([row for row, _, _ in group])
                if self._away is not None and self._patience:
                    writing = self._outlast(asyncio.ensure_future(writing), group)
                outcomes = await writing
                answered = list(zip(group, outcomes, strict=True))
            except DatabaseUnavailableError as error:
                self._away = error
                group = self._give_up(group, pause, error)
            except Exception as error:  # noqa: BLE001 - whatever it is belongs to the rows' callers
                self._away = None
                await self._write_each(group, error)
                return
            else:
                self._away = None
                for (_, future, _), outcome in answered:
                    if not future.done():
                        future.set_result(outcome)
                return
            if group:
                await self._outlast(asyncio.ensure_future(asyncio.sleep(pause)), group)
                pause = min(2 * pause, _LONGEST_PAUSE)

    async def _outlast(
        self, work: "asyncio.Future[Done]", group: "list[_Waiting[Row, Outcome]]"
    ) -> Done:
        """Return what ``work`` returns; fail rows whose patience ends meanwhile, as they do.

        The work goes on for the others, and may write rows that failed here: their callers
        were told that it is unknown.
        """
        try:
            while not work.done():
                await asyncio.wait({work}, timeout=self._fail_impatient(group))
        finally:
            work.cancel()
        return work.result()

    def _fail_impatient(self, group: "list[_Waiting[Row, Outcome]]") -> float | None:
        """Fail the rows that have waited long enough; return how soon the next may have."""
        if self._away is None or not self._patience:
            return None
        limit = asyncio.get_running_loop().time() - self._patience
        overdue = [one for one in (*group, *self._waiting) if one[2] <= limit]
        for _, future, _ in overdue:
            _fail(future, self._away)
        # Never tried, and never will be.
        self._waiting = [one for one in self._waiting if one[2] > limit]
        waiting = [one[2] for one in (*group, *self._waiting) if one[2] > limit]
        # Who arrives meanwhile has waited long enough no sooner.
        return min(waiting, default=limit + self._patience) - limit

    async def _write_each(
        self, group: "list[_Waiting[Row, Outcome]]", error: Exception
    ) -> None:
        """One bad row must not take the others with it."""
        if len(group) == 1:
            _fail(group[0][1], error)
            return
        for member in group:
            await self._write_group([member])

    def _give_up(
        self, group: "list[_Waiting[Row, Outcome]]", pause: float, error: Exception
    ) -> "list[_Waiting[Row, Outcome]]":
        """Fail the rows that would have waited too long after ``pause``; return the others."""
        latest = asyncio.get_running_loop().time() + pause - self._patience
        for _, future, arrived in group:
            if arrived < latest:
                _fail(future, error)
        return [member for member in group if member[2] >= latest]


def _fail(future: "asyncio.Future[Outcome]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)

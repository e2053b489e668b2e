"""A row's patience begins when it arrives, whatever was under way then."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final

import pytest

from infra.group_commit import GroupCommit
from schemas.errors import DatabaseUnavailableError
from tests.fixtures.leaping_loop import leap

PATIENCE: Final = timedelta(seconds=2)


def test_a_row_that_waited_behind_a_failing_group_does_not_wait_as_long_again() -> None:
    patience = timedelta(seconds=0.4)
    groups: list[list[int]] = []

    async def scene() -> None:
        begun = asyncio.Event()

        async def write(rows: Sequence[int]) -> Sequence[int]:
            groups.append(list(rows))
            begun.set()
            raise DatabaseUnavailableError("away")

        group = GroupCommit[int, int](write, name="test", patience=patience)
        loop = asyncio.get_running_loop()
        began = loop.time()
        first = asyncio.create_task(group.add(1))
        await begun.wait()

        outcomes = await asyncio.gather(first, group.add(2), return_exceptions=True)

        assert [type(outcome) for outcome in outcomes] == [DatabaseUnavailableError] * 2
        # Twice the patience is what a group of its own would have cost.
        assert loop.time() - began < 1.7 * patience.total_seconds()

    asyncio.run(scene())
    assert groups[0] == [1]
    assert groups[-1] == [2], "it was tried once"


class Hanging:
    """Fails once, then hangs while it is told to."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.written: list[int] = []
        self.hangs, self.goes_on = asyncio.Event(), asyncio.Event()
        self.rows = GroupCommit[int, int](self.write, name="test", patience=PATIENCE)

    async def write(self, rows: Sequence[int]) -> Sequence[int]:
        self.groups.append(list(rows))
        if len(self.groups) == 1:
            raise DatabaseUnavailableError("away")
        self.hangs.set()
        await self.goes_on.wait()
        self.written += rows
        return rows

    async def refused(self, row: int) -> float:
        """Add a row, and return after how long it failed."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(DatabaseUnavailableError):
            await self.rows.add(row)
        return loop.time() - began


def test_no_row_waits_longer_because_the_next_try_hangs() -> None:
    async def scene(server: Hanging) -> None:
        first = asyncio.create_task(server.refused(1))
        await server.hangs.wait()
        others = [asyncio.create_task(server.refused(row)) for row in (2, 3)]
        took = await asyncio.gather(first, *others)
        # Who comes later waits no longer either.
        took += (await server.refused(4),)
        assert took == pytest.approx([PATIENCE.total_seconds()] * 4)

        last = asyncio.create_task(server.rows.add(5))
        await asyncio.sleep(0)
        server.goes_on.set()
        assert await last == 5
        # Who was refused while only waiting is not written; whose write was under way may be.
        assert server.groups == [[1], [1], [5]]
        assert server.written == [1, 5]

    leap(in_loop(scene))


def test_a_database_that_answers_again_may_be_slow() -> None:
    async def scene(server: Hanging) -> None:
        server.goes_on.set()
        assert await server.rows.add(1) == 1
        server.goes_on.clear()
        slow = [asyncio.create_task(server.rows.add(row)) for row in (2, 3)]
        await asyncio.sleep(10 * PATIENCE.total_seconds())  # sleeps: by a clock that leaps
        server.goes_on.set()
        assert await asyncio.gather(*slow) == [2, 3]

    leap(in_loop(scene))


async def in_loop(scene: Callable[[Hanging], Awaitable[None]]) -> None:
    await scene(Hanging())

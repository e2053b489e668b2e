"""Group commit: an idle system waits for nothing, a busy one shares its statements."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Any, Final, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.group_commit import GroupCommit
from schemas.errors import DatabaseUnavailableError

Result = TypeVar("Result")

NEVER: Final = timedelta(hours=1)
NOTHING: Final = timedelta(0)


def run(work: Coroutine[Any, Any, Result]) -> Result:
    async def limited() -> Result:
        async with asyncio.timeout(20):
            return await work

    return asyncio.run(limited())


class Ledger:
    """Remembers its groups, answers ten times the row, and can be held or made to fail."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.faults: list[Exception] = []
        self.bad_rows: set[int] = set()
        self.begun = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()

    async def write(self, rows: Sequence[int]) -> list[int]:
        self.groups.append(list(rows))
        self.begun.set()
        await self.open.wait()
        if self.faults:
            raise self.faults.pop(0)
        if bad := self.bad_rows & set(rows):
            raise ValueError(f"bad: {bad}")
        return [10 * row for row in rows]

    async def hold(self, group: GroupCommit[int, int], row: int) -> "asyncio.Task[int]":
        """Begin a write that lasts until the ledger is opened."""
        self.open.clear()
        self.begun.clear()
        task = asyncio.create_task(group.add(row))
        await self.begun.wait()
        return task


def group_of(ledger: Ledger, **limits: Any) -> GroupCommit[int, int]:
    limits.setdefault("pace", NOTHING)
    return GroupCommit[int, int](ledger.write, name="test", **limits)


async def add_all(group: GroupCommit[int, int], rows: Sequence[int]) -> list[Any]:
    return await asyncio.gather(*(group.add(row) for row in rows), return_exceptions=True)


async def let_others_run(done: Callable[[], bool]) -> None:
    for _ in range(50):
        if done():
            return
        await asyncio.sleep(0)


def test_a_row_that_finds_nothing_going_on_is_written_at_once() -> None:
    async def scene() -> None:
        ledger = Ledger()

        outcome = await group_of(ledger, pace=NEVER).add(1)

        assert (outcome, ledger.groups) == (10, [[1]])

    run(scene())


def test_rows_that_come_during_a_write_go_together_in_order_of_arrival() -> None:
    async def scene() -> None:
        ledger = Ledger()
        group = group_of(ledger)
        first = await ledger.hold(group, 0)
        others = asyncio.create_task(add_all(group, [5, 3, 4, 1, 2]))
        await asyncio.sleep(0)

        ledger.open.set()

        assert (await first, await others) == (0, [50, 30, 40, 10, 20])
        assert ledger.groups == [[0], [5, 3, 4, 1, 2]]

    run(scene())


def test_rows_that_come_right_after_a_write_gather_until_the_group_is_full() -> None:
    async def scene() -> None:
        ledger = Ledger()
        group = group_of(ledger, pace=NEVER, largest=3)
        await group.add(0)

        waiting = asyncio.create_task(add_all(group, [1, 2]))
        await let_others_run(waiting.done)
        too_early = list(ledger.groups)
        await group.add(3)

        assert too_early == [[0]]
        assert await waiting == [10, 20]
        assert ledger.groups == [[0], [1, 2, 3]]

    run(scene())


def test_rows_that_come_right_after_a_write_are_written_after_the_pace() -> None:
    async def scene() -> None:
        ledger = Ledger()
        group = group_of(ledger, pace=timedelta(milliseconds=30))
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await group.add(0)

        await add_all(group, [1, 2])

        assert ledger.groups == [[0], [1, 2]]
        assert loop.time() - begun >= 0.03

    run(scene())


def test_no_write_is_larger_than_the_largest() -> None:
    async def scene() -> None:
        ledger = Ledger()
        group = group_of(ledger, largest=4)
        first = await ledger.hold(group, 0)
        others = asyncio.create_task(add_all(group, range(1, 11)))
        await asyncio.sleep(0)

        ledger.open.set()

        assert await first == 0
        assert await others == [10 * row for row in range(1, 11)]
        assert ledger.groups == [[0], [1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]

    run(scene())


@given(
    st.lists(st.integers(0, 30), max_size=30, unique=True),
    st.sets(st.integers(0, 30)),
    st.integers(1, 9),
)
def test_every_row_gets_its_own_outcome_whatever_the_others_are(
    rows: list[int], bad_rows: set[int], largest: int
) -> None:
    async def scene() -> list[Any]:
        ledger = Ledger()
        ledger.bad_rows = bad_rows
        outcomes = await add_all(group_of(ledger, largest=largest), rows)
        assert max(map(len, ledger.groups), default=0) <= largest
        return outcomes

    outcomes = run(scene())

    told = [str(o) if isinstance(o, ValueError) else o for o in outcomes]
    assert told == [f"bad: {{{row}}}" if row in bad_rows else 10 * row for row in rows]


def test_a_bad_row_alone_is_not_tried_twice() -> None:
    async def scene() -> None:
        ledger = Ledger()
        ledger.bad_rows = {1}

        with pytest.raises(ValueError, match="bad"):
            await group_of(ledger).add(1)

        assert ledger.groups == [[1]]

    run(scene())


def test_a_database_that_comes_back_in_time_is_not_noticed() -> None:
    async def scene() -> None:
        ledger = Ledger()
        ledger.faults = [DatabaseUnavailableError("restarting")] * 2
        group = group_of(ledger, patience=timedelta(seconds=10))

        outcomes = await add_all(group, [1, 2])

        assert outcomes == [10, 20]
        assert ledger.groups == [[1, 2]] * 3

    run(scene())


def test_a_database_that_stays_away_is_told_to_all_when_patience_ends() -> None:
    async def scene() -> None:
        ledger = Ledger()
        away = DatabaseUnavailableError("gone")
        ledger.faults = [away] * 100
        group = group_of(ledger, patience=timedelta(seconds=0.2))

        outcomes = await add_all(group, [1, 2, 3])

        assert outcomes == [away] * 3
        # At 0, 50 and 150 milliseconds; the next would have come too late.
        assert 2 <= len(ledger.groups) <= 3
        assert all(rows == [1, 2, 3] for rows in ledger.groups)

    run(scene())


def test_without_patience_the_first_failure_is_told() -> None:
    async def scene() -> None:
        ledger = Ledger()
        ledger.faults = [DatabaseUnavailableError("gone")]
        group = group_of(ledger)

        with pytest.raises(DatabaseUnavailableError):
            await group.add(1)

        assert await group.add(2) == 20
        assert ledger.groups == [[1], [2]]

    run(scene())


def test_close_waits_for_what_is_being_written_and_for_what_gathered() -> None:
    async def scene() -> None:
        ledger = Ledger()
        group = group_of(ledger)
        first = await ledger.hold(group, 1)
        second = asyncio.create_task(group.add(2))
        closing = asyncio.create_task(group.close())
        await let_others_run(closing.done)
        too_early = closing.done()

        ledger.open.set()
        await closing

        assert not too_early
        assert ledger.groups == [[1], [2]]
        assert (await first, await second) == (10, 20)

    run(scene())


def test_close_of_an_idle_group_returns() -> None:
    async def scene() -> None:
        group = group_of(Ledger())
        await group.close()
        await group.add(1)
        await group.close()

    run(scene())


@pytest.mark.parametrize("fault", [None, DatabaseUnavailableError("gone"), ValueError("bad")])
def test_a_caller_who_gives_up_does_not_disturb_the_others(fault: Exception | None) -> None:
    async def scene() -> None:
        ledger = Ledger()
        group = group_of(ledger)
        first = await ledger.hold(group, 0)
        leaving, staying = [asyncio.create_task(group.add(row)) for row in (1, 2)]
        await asyncio.sleep(0)
        leaving.cancel()
        ledger.faults = [fault] if fault else []

        ledger.open.set()
        await asyncio.wait([first, leaving, staying])

        assert leaving.cancelled()
        assert await staying == 20
        assert first.exception() is fault

    run(scene())


@pytest.mark.parametrize("answer", [[], [1], [1, 2, 3]])
def test_a_statement_that_answers_for_other_rows_leaves_nobody_waiting(
    answer: list[int],
) -> None:
    async def scene() -> None:
        async def write(rows: Sequence[int]) -> list[int]:
            return answer if len(rows) > 1 else []

        group = GroupCommit[int, int](write, name="test", pace=NOTHING)

        outcomes = await add_all(group, [1, 2])

        assert [type(outcome) for outcome in outcomes] == [ValueError, ValueError]

    run(scene())

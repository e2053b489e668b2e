"""Pieces of work that come together are done in a row, each for whoever asked."""

import asyncio
from contextvars import ContextVar

import pytest

from infra.safety.turns import Turns

_WHOSE: ContextVar[str] = ContextVar("whose", default="nobody's")


def test_each_caller_gets_what_is_its_own_in_its_own_context() -> None:
    async def play() -> None:
        turns = Turns()

        async def ask(name: str) -> str:
            _WHOSE.set(name)
            return await turns.do(lambda: f"{name} {_WHOSE.get()}")

        names = [str(number) for number in range(30)]
        assert await asyncio.gather(*map(ask, names)) == [f"{name} {name}" for name in names]

    asyncio.run(play())


def test_one_callers_fault_or_leaving_is_nobody_elses() -> None:
    async def play() -> None:
        turns, done = Turns(), list[str]()

        def fail() -> None:
            raise ZeroDivisionError

        failing = asyncio.create_task(turns.do(fail))
        leaving = asyncio.create_task(turns.do(lambda: done.append("gone")))
        staying = asyncio.create_task(turns.do(lambda: done.append("here")))
        await asyncio.sleep(0)
        leaving.cancel()
        await staying
        with pytest.raises(ZeroDivisionError):
            await failing
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert done == ["here"]

    asyncio.run(play())


def test_a_long_row_lets_others_have_their_turn() -> None:
    async def play() -> None:
        turns, order = Turns(), list[str]()
        row = [asyncio.create_task(turns.do(lambda: order.append("row"))) for _ in range(20)]
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(order.append, "other")
        await asyncio.gather(*row)
        assert order.index("other") == 8
        assert order.count("row") == 20

    asyncio.run(play())


def test_a_loop_that_was_closed_midway_leaves_nothing_behind() -> None:
    turns = Turns()

    async def begin() -> None:
        asyncio.create_task(turns.do(lambda: 1)).add_done_callback(lambda task: None)
        await asyncio.sleep(0)

    asyncio.run(begin())
    assert asyncio.run(turns.do(lambda: 2)) == 2


def test_a_piece_of_work_that_stops_an_iteration_is_a_fault_as_any_other() -> None:
    def stop() -> None:
        raise StopIteration

    async def play() -> None:
        async with asyncio.timeout(5):
            with pytest.raises(RuntimeError, match="StopIteration"):
                await Turns().do(stop)

    asyncio.run(play())


def test_nobody_waits_for_a_piece_of_work_that_ended_the_loop() -> None:
    class EndOfItAll(SystemExit):
        """Passes by whoever catches faults, and ends the loop."""

    def end() -> None:
        raise EndOfItAll

    loop = asyncio.new_event_loop()
    try:
        task = loop.create_task(Turns().do(end))
        with pytest.raises(EndOfItAll):
            loop.run_until_complete(task)
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(asyncio.wait_for(task, 5))
    finally:
        loop.close()

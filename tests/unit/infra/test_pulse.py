"""A silent server is known for one in two seconds, a slow one is not asked all the time."""

import asyncio
import contextlib

import pytest

from infra.postgres.pulse import Pulse
from schemas.errors import DatabaseUnavailableError
from tests.fixtures.leaping_loop import leap


class Line:
    """A line on which nothing comes."""

    def __init__(self) -> None:
        self.cut = asyncio.Event()

    async def cut_now(self) -> None:
        """Fail when it is cut."""
        await self.cut.wait()
        raise BrokenPipeError

    def fileno(self) -> int:
        self.cut.set()
        raise OSError("no socket, but it was to be cut")


async def waits(pulse: Pulse, *, after: float, seconds: float) -> float:
    """Use a line, and return after how long it was cut, or for how long it was used."""
    await asyncio.sleep(after)  # sleeps: by a clock that leaps
    loop = asyncio.get_running_loop()
    began, line = loop.time(), Line()
    with contextlib.suppress(BrokenPipeError, TimeoutError), pulse.watching(line):
        async with asyncio.timeout(seconds):
            await line.cut_now()
    return loop.time() - began


async def never() -> None:
    await asyncio.Event().wait()


def test_each_line_to_a_silent_server_is_cut_within_two_seconds() -> None:
    async def scene() -> list[float]:
        pulse = Pulse(never)
        took = await asyncio.gather(
            *(waits(pulse, after=n / 10, seconds=60) for n in range(20))
        )
        with pytest.raises(DatabaseUnavailableError):
            pulse.require()
        await pulse.close()
        return took

    assert max(leap(scene())) < 2


def test_a_slow_statement_asks_no_more_often_than_twice_a_second() -> None:
    asked = 0

    async def answers() -> None:
        nonlocal asked
        asked += 1

    async def scene() -> float:
        pulse = Pulse(answers)
        took = await waits(pulse, after=0, seconds=60)
        pulse.require()
        await pulse.close()
        return took

    assert leap(scene()) == pytest.approx(60)
    assert 60 <= asked <= 120


def test_nobody_asks_while_others_are_answered() -> None:
    async def scene() -> float:
        pulse = Pulse(never)

        async def others() -> None:
            while True:
                with pulse.watching(Line()):
                    await asyncio.sleep(0.3)  # sleeps: by a clock that leaps

        beside = asyncio.create_task(others())
        took = await waits(pulse, after=0, seconds=60)
        pulse.require()
        beside.cancel()
        await pulse.close()
        return took

    assert leap(scene()) == pytest.approx(60)

"""A worker dies, or its loop blocks, at every place where it changes something."""

import asyncio
import signal
from pathlib import Path

import pytest

from infra.settings import Settings
from tests.fixtures import crashing_process
from tests.fixtures.auditor import assert_clean
from tests.fixtures.processes import System, system

JOBS = 10
STUCK = 70
LOST = 3


async def after_the_end_of(
    running: System, when: str, place: str, act: str
) -> tuple[list[str], int]:
    """Submit, let a worker end there, start another; return the jobs and the exit code."""
    running.model.gate.set()
    command = (str(Path(crashing_process.__file__)), "work", when, place, act)
    dying = await running.run("dying", *command)
    await running.start("dispatch")
    jobs = await running.submit(JOBS, webhook=False)
    async with asyncio.timeout(30):
        code = await dying.wait()
    del running.processes["dying"]
    await running.start("work")
    await running.until("every job has ended", lambda: none_live(running))
    good = await running.sql("SELECT count(*) FROM job WHERE final_state = 10")
    assert good[0][0] == len(jobs)
    await assert_clean(running.engine, running.settings, jobs)
    return jobs, code


async def none_live(running: System) -> bool:
    return not await running.sql("SELECT 1 FROM live LIMIT 1")


async def lost_attempts(running: System) -> int:
    rows = await running.sql(f"SELECT count(*) FROM attempt WHERE outcome = {LOST}")
    return rows[0][0]


@pytest.mark.parametrize(
    ("when", "place", "loses"),
    [
        ("before", "start", False),
        ("after", "start", True),
        ("before", "finish", True),
        ("after", "finish", False),
    ],
)
def test_a_worker_killed_there_loses_and_doubles_nothing(
    settings: Settings, when: str, place: str, *, loses: bool
) -> None:
    async def scene() -> None:
        async with system(settings) as running:
            _, code = await after_the_end_of(running, when, place, "die")

            assert code == -signal.SIGKILL
            lost = await lost_attempts(running)
            # What was started and not finished was lost, and nothing else can have been.
            assert (lost > 0) if loses else True
            calls = sum(running.model.calls.values())
            assert calls <= JOBS + lost

    asyncio.run(scene())


def test_a_worker_whose_loop_is_blocked_ends_itself_and_others_go_on(
    settings: Settings,
) -> None:
    async def scene() -> None:
        async with system(settings) as running:
            _, code = await after_the_end_of(running, "before", "finish", "block")

            assert code == STUCK
            assert await lost_attempts(running) > 0

    asyncio.run(scene())

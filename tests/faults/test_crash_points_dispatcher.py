"""A dispatcher dies, or stands still, at every place where it changes something."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from infra.settings import Settings
from tests.fixtures import crashing_process, unruly_dispatcher
from tests.fixtures.auditor import assert_clean
from tests.fixtures.processes import System, system

JOBS = 20


def play(settings: Settings, scene: Callable[[System], Awaitable[None]]) -> None:
    async def run() -> None:
        async with system(settings) as running:
            running.model.gate.set()
            await scene(running)

    asyncio.run(run())


async def all_ended_once(running: System, jobs: list[str]) -> None:
    await running.until("every job has ended", lambda: none_live(running))
    good = await running.sql("SELECT count(*) FROM job WHERE final_state = 10")
    assert good[0][0] == len(jobs)
    await assert_clean(running.engine, running.settings, jobs)


async def none_live(running: System) -> bool:
    return not await running.sql("SELECT 1 FROM live LIMIT 1")


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_dispatcher_killed_in_the_release_transaction_has_released_nothing(
    settings: Settings, when: str
) -> None:
    async def scene(running: System) -> None:
        await running.start("work")
        jobs = await running.submit(JOBS, webhook=False)
        command = (str(Path(crashing_process.__file__)), "dispatch", when, "release", "die")
        dying = await running.run("dispatch", *command)

        assert await dying.wait() == -signal.SIGKILL
        touched = await running.sql("SELECT count(*) FROM live WHERE state <> 2 OR fence > 0")
        assert touched[0][0] == 0
        await running.start("dispatch")

        await all_ended_once(running, jobs)
        fences = await running.sql("SELECT max(fence) FROM attempt")
        assert fences[0][0] == 1

    play(settings, scene)


@pytest.mark.parametrize("way", ["half", "published"])
def test_a_dispatcher_killed_at_the_broker_loses_and_doubles_nothing(
    settings: Settings, way: str
) -> None:
    async def scene(running: System) -> None:
        # Room for a quarter of the jobs in a message each: the turn has several messages.
        small = running.settings.model_copy(update={"slots": 5})
        running.settings = small
        await running.start("work")
        jobs = await running.submit(JOBS, webhook=False)
        dying = await running.run("dispatch", str(Path(unruly_dispatcher.__file__)), way)

        assert await dying.wait() == -signal.SIGKILL
        await running.start("dispatch")

        await all_ended_once(running, jobs)

    play(settings, scene)


def test_a_dispatcher_that_stands_still_with_its_locks_holds_its_flows_up_for_a_while_only(
    settings: Settings,
) -> None:
    async def scene(running: System) -> None:
        await running.start("work")
        jobs = await running.submit(JOBS, webhook=False)
        command = (str(Path(crashing_process.__file__)), "dispatch", "after", "release")
        await running.run("frozen", *command, "freeze", "--impatient", "500")
        await running.until("it holds its locks", lambda: holds_locks(running))

        await running.start("dispatch")
        await all_ended_once(running, jobs)
        running.thaw("frozen")

        more = await running.submit(JOBS, webhook=False)
        await all_ended_once(running, [*jobs, *more])
        assert running.processes["frozen"].returncode is None

    play(settings, scene)


def test_messages_that_are_doubled_reordered_and_late_run_once(settings: Settings) -> None:
    async def scene(running: System) -> None:
        await running.start("work")
        await running.run("dispatch", str(Path(unruly_dispatcher.__file__)), "unruly")
        jobs = await running.submit(JOBS, webhook=False)

        await all_ended_once(running, jobs)
        attempts = await running.sql("SELECT count(*) FROM attempt")
        assert attempts[0][0] == JOBS

    play(settings, scene)


async def holds_locks(running: System) -> bool:
    rows = await running.sql(
        "SELECT 1 FROM pg_stat_activity WHERE application_name = 'genq dispatch'"
        " AND state = 'idle in transaction' AND clock_timestamp() - state_change > '100 ms'"
    )
    return bool(rows)

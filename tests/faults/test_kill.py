"""Processes die by SIGKILL, servers lose everything or restart; each job still ends once."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from infra.settings import Settings
from tests.fixtures import dying_dispatcher
from tests.fixtures.brokers import Broker, on_every_broker
from tests.fixtures.processes import System, system

pytestmark = on_every_broker

JOBS = 50


def play(settings: Settings, scene: Callable[[System], Awaitable[None]]) -> None:
    """Run a scene with real processes."""

    async def run() -> None:
        async with system(settings) as running:
            await scene(running)

    asyncio.run(run())


async def all_running(running: System) -> None:
    await running.until(f"{JOBS} calls are in flight", lambda: running.model.in_flight == JOBS)


def test_a_worker_killed_with_fifty_jobs_running_loses_none(settings: Settings) -> None:
    async def scene(running: System) -> None:
        await running.start("dispatch", "deliver", "work")
        jobs = await running.submit(JOBS)
        await all_running(running)

        await running.kill("work")
        await running.start("work")
        running.model.gate.set()
        await running.until_all_ended()

        await running.assert_each_succeeded_once(jobs)
        lost = await running.sql("SELECT count(*) FROM attempt WHERE outcome = 3")
        assert lost[0][0] == JOBS

    play(settings, scene)


def test_a_dispatcher_killed_between_commit_and_publish_loses_none(settings: Settings) -> None:
    async def scene(running: System) -> None:
        running.model.gate.set()
        await running.start("deliver", "work")
        jobs = await running.submit(JOBS)
        script = str(Path(dying_dispatcher.__file__))
        dying = await running.run("dispatch", script)

        assert await dying.wait() == -signal.SIGKILL
        released = await running.sql("SELECT count(*) FROM live WHERE state = 3")
        assert released[0][0] == JOBS
        await running.start("dispatch")
        await running.until_all_ended()

        await running.assert_each_succeeded_once(jobs)

    play(settings, scene)


def test_a_broker_that_forgets_everything_loses_none(
    settings: Settings, broker: Broker
) -> None:
    async def scene(running: System) -> None:
        await running.start("dispatch", "deliver", "work")
        running.freeze("work")
        jobs = await running.submit(JOBS)
        await running.until(
            "everything is released",
            lambda: count(running, "SELECT count(*) FROM live WHERE state = 3", JOBS),
        )

        await asyncio.to_thread(broker.forget_everything)
        running.thaw("work")
        running.model.gate.set()
        await running.until_all_ended()

        await running.assert_each_succeeded_once(jobs)

    play(settings, scene)


def test_a_postgresql_that_crashes_under_load_loses_none(settings: Settings) -> None:
    async def scene(running: System) -> None:
        await running.start("dispatch", "deliver", "work")
        jobs = await running.submit(JOBS)
        await all_running(running)

        rows = await running.sql(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'genq work' LIMIT 1"
        )
        # The death of one backend makes the postmaster restart all of them.
        signal_process(rows[0][0])
        running.model.gate.set()
        await running.until_all_ended()

        await running.assert_each_succeeded_once(jobs)

    play(settings, scene)


def test_a_worker_told_to_stop_finishes_what_it_runs(settings: Settings) -> None:
    async def scene(running: System) -> None:
        await running.start("dispatch", "deliver", "work")
        jobs = await running.submit(JOBS)
        await all_running(running)

        stopping = asyncio.create_task(running.stop("work"))
        await running.until("the session drains", lambda: count(running, DRAINING, 1))
        running.model.gate.set()
        exit_code = await stopping
        await running.until_all_ended()

        assert exit_code == 0
        await running.assert_each_succeeded_once(jobs)
        attempts = await running.sql("SELECT count(*) FROM attempt")
        assert attempts[0][0] == JOBS

    play(settings, scene)


def test_a_worker_out_of_grace_gives_its_jobs_back_at_no_cost(settings: Settings) -> None:
    hasty = settings.model_copy(update={"drain_grace": timedelta(milliseconds=300)})

    async def scene(running: System) -> None:
        await running.start("dispatch", "deliver", "work")
        jobs = await running.submit(JOBS)
        await all_running(running)

        exit_code = await running.stop("work")
        interrupted = await running.sql("SELECT count(*) FROM attempt WHERE outcome = 6")
        running.model.gate.set()
        await running.start("work")
        await running.until_all_ended()

        assert exit_code == 0
        assert interrupted[0][0] == JOBS
        await running.assert_each_succeeded_once(jobs)
        failures = await running.sql("SELECT max(attempts) FROM job")
        assert failures[0][0] == 1

    play(hasty, scene)


def test_a_worker_frozen_past_its_session_cannot_end_what_others_ended(
    settings: Settings,
) -> None:
    async def scene(running: System) -> None:
        await running.start("dispatch", "deliver", "work")
        jobs = await running.submit(JOBS)
        await all_running(running)

        running.freeze("work")
        frozen = running.processes.pop("work")
        await running.until(
            "its session expired",
            lambda: count(
                running, "SELECT count(*) FROM session WHERE expires_at > clock_timestamp()", 0
            ),
        )
        running.processes["frozen"] = frozen
        await running.start("work")
        running.model.gate.set()
        await running.until("others ended the jobs", lambda: count(running, LIVE, 0))
        running.thaw("frozen")
        await running.until_all_ended()
        await running.stop("frozen")

        await running.assert_each_succeeded_once(jobs)

    play(settings, scene)


def test_a_few_slow_jobs_do_not_keep_free_slots_from_others(settings: Settings) -> None:
    async def scene(running: System) -> None:
        await running.start("dispatch", "deliver", "work")
        running.freeze("dispatch")
        slow = await running.submit(3, prompt=SLOW)
        quick = await running.submit(JOBS)
        running.thaw("dispatch")
        await running.until("all are called", lambda: running.model.in_flight == JOBS + 3)
        running.model.let_through("a red kite")
        await running.until("the quick ones ended", lambda: count(running, LIVE, 3))

        # As many as there are free slots, beside messages of which a slow job still runs.
        more = await running.submit(90)
        await running.until("others had the free slots", lambda: count(running, LIVE, 3))

        running.model.gate.set()
        await running.until_all_ended()
        await running.assert_each_succeeded_once([*slow, *quick, *more])

    play(settings, scene)


SLOW = "a slow snail"
DRAINING = "SELECT count(*) FROM session WHERE draining"
LIVE = "SELECT count(*) FROM live"


async def count(running: System, statement: str, wanted: int) -> bool:
    return (await running.sql(statement))[0][0] == wanted


def signal_process(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)

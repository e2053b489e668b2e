"""Cancelling across real processes: quick with the doorbell, sure without it, and for good."""

import asyncio
import signal
import statistics
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

from infra.doorbells import DONE, Doorbells
from infra.settings import Settings
from producer.cancel import Canceller
from schemas.cancel_request import CancelRequest
from schemas.generation import Kind
from schemas.ids import format_id, parse_id
from schemas.job import JobRequest
from schemas.job_states import AttemptOutcome, JobState
from schemas.lanes import Lane
from tests.faults.test_kill import LIVE, count, play
from tests.fixtures.processes import System

RUNNING = 20
# Nobody listens there.
NOWHERE = "redis://127.0.0.1:1/0"


@asynccontextmanager
async def canceller(running: System, url: str | None = None) -> AsyncGenerator[Canceller]:
    async with Doorbells(url or running.settings.doorbell_url()) as doorbells:
        yield Canceller(running.engine, running.settings, doorbells)


async def start_and_hold(running: System, jobs: int) -> list[str]:
    await running.start("dispatch", "deliver", "work")
    submitted = await running.submit(jobs)
    await running.until("all are called", lambda: running.model.in_flight == jobs)
    return submitted


async def assert_each_was_cancelled_once(
    running: System, jobs: int, outcome: AttemptOutcome | None
) -> None:
    await running.until_all_ended()
    states = await running.sql("SELECT DISTINCT final_state FROM job")
    assert [row.final_state for row in states] == [JobState.CANCELLED]
    attempts = await running.sql("SELECT outcome FROM attempt")
    assert [row.outcome for row in attempts] == ([] if outcome is None else [outcome] * jobs)
    events = await running.sql("SELECT type FROM outbox")
    assert [row.type for row in events] == ["job.cancelled"] * jobs
    assert len({request.headers["webhook-id"] for request in running.receiver.requests}) == jobs


def test_a_running_job_lets_go_within_moments_and_its_call_is_cut(settings: Settings) -> None:
    took: list[float] = []

    async def scene(running: System) -> None:
        jobs = await start_and_hold(running, RUNNING)
        loop = asyncio.get_running_loop()
        bells = Doorbells(running.settings.doorbell_url())
        async with canceller(running) as one, bells, bells.listen(DONE) as bell:
            await running.until("somebody listens", lambda: bell.connected)
            for job_id in jobs:
                bell.drain()
                asked = loop.time()
                await one.cancel(running.tenant.id, parse_id("job", job_id))
                async with asyncio.timeout(5):
                    while True:
                        ring = await bell.wait(5)
                        if ring is not None and job_id in ring.message:
                            break
                took.append(loop.time() - asked)
        await running.until("the calls are cut", lambda: running.model.in_flight == 0)
        await assert_each_was_cancelled_once(running, RUNNING, AttemptOutcome.CANCELLED)
        assert running.model.calls.total() == RUNNING

    play(settings, scene)

    typical = statistics.median(took)
    assert typical < 1.0, f"p50 {typical:.3f} s, max {max(took):.3f} s"


def test_without_a_doorbell_the_next_renewal_tells_the_worker(settings: Settings) -> None:
    async def scene(running: System) -> None:
        jobs = await start_and_hold(running, RUNNING)

        async with canceller(running, NOWHERE) as one:
            report = await one.cancel_matching(running.tenant.id, CancelRequest(lane=Lane.FAST))

        assert (report.cancelling, report.cancelled) == (len(jobs), 0)
        await running.until(
            "the jobs have ended",
            lambda: count(running, LIVE, 0),
            within=settings.session_ttl,
        )
        assert running.model.in_flight == 0
        await assert_each_was_cancelled_once(running, RUNNING, AttemptOutcome.CANCELLED)

    play(settings, scene)


def test_a_worker_that_hangs_does_not_keep_a_cancelled_job(settings: Settings) -> None:
    hasty = settings.model_copy(
        update={
            "cancel_grace": timedelta(milliseconds=500),
            # Only the grace can end the job: the session outlives the test.
            "session_ttl": timedelta(seconds=60),
        }
    )

    async def scene(running: System) -> None:
        await start_and_hold(running, RUNNING)
        running.freeze("work")

        async with canceller(running) as one:
            await one.cancel_matching(running.tenant.id, CancelRequest(all=True))
        await running.until("the ledger has ended them", lambda: count(running, LIVE, 0))
        # Now the model has answered, and the worker wakes up: too late.
        running.model.gate.set()
        running.thaw("work")

        assert await running.stop("work") == 0
        await assert_each_was_cancelled_once(running, RUNNING, AttemptOutcome.CANCELLED)

    play(hasty, scene)


def test_cancelled_messages_in_the_broker_call_no_model(settings: Settings) -> None:
    async def scene(running: System) -> None:
        await running.start("dispatch", "deliver", "work")
        running.freeze("work")
        jobs = await running.submit(RUNNING)
        await running.until(
            "all are released",
            lambda: count(running, "SELECT count(*) FROM live WHERE state = 3", len(jobs)),
        )

        async with canceller(running) as one:
            report = await one.cancel_matching(
                running.tenant.id, CancelRequest(status="queued")
            )
        running.model.gate.set()
        running.thaw("work")
        last = await running.submit(1, prompt="the last one")
        await running.until_all_ended()

        assert report.cancelled == len(jobs)
        assert running.model.calls == {"the last one": 1}
        ended = await running.sql("SELECT id FROM job WHERE final_state = 10")
        assert [format_id("job", row.id) for row in ended] == last

    play(settings, scene)


def test_a_call_is_cut_at_the_deadline_of_its_job(settings: Settings) -> None:
    # Whoever else could end the job would be a minute late.
    patient = settings.model_copy(
        update={"cancel_grace": timedelta(seconds=60), "session_ttl": timedelta(seconds=60)}
    )

    async def scene(running: System) -> None:
        await running.start("dispatch", "work")
        # Time enough to be called on a busy machine: the worker reads the deadline only once.
        request = JobRequest(kind=Kind.IMAGE, input={"prompt": "slow"}, deadline=5)
        await running.submitter.submit(running.tenant, request)
        await running.until("it is called", lambda: running.model.in_flight == 1)

        await running.until("the call is cut", lambda: running.model.in_flight == 0)
        await running.until("the job has ended", lambda: count(running, LIVE, 0))

        (job,) = await running.sql(
            "SELECT final_state, finished_at - deadline AS late FROM job"
        )
        assert job.final_state == JobState.EXPIRED
        # Milliseconds on a quiet machine.
        assert timedelta(0) <= job.late < timedelta(seconds=5)

    play(patient, scene)


def test_a_job_begins_at_the_instant_it_may_run_at(settings: Settings) -> None:
    late: list[float] = []

    async def scene(running: System) -> None:
        running.model.gate.set()
        await running.start("dispatch", "work")
        for number in range(10):
            request = JobRequest(
                kind=Kind.IMAGE, input={"prompt": "later"}, run_at=1.0 + 0.137 * number
            )
            await running.submitter.submit(running.tenant, request)
        due = await running.sql("SELECT job_id, run_at FROM live")
        await running.until("every job has ended", lambda: count(running, LIVE, 0))
        begun = {row.id: row.started_at for row in await running.sql("SELECT * FROM job")}
        late.extend((begun[row.job_id] - row.run_at).total_seconds() for row in due)

    play(settings, scene)

    assert min(late) >= 0
    typical = statistics.median(late)
    assert typical < 1.0, f"p50 {typical:.3f} s, max {max(late):.3f} s"


def test_a_quiet_worker_ends_what_it_runs_takes_nothing_new_and_stays(
    settings: Settings,
) -> None:
    async def scene(running: System) -> None:
        jobs = await start_and_hold(running, RUNNING)

        quiet = running.processes.pop("work")
        quiet.send_signal(signal.SIGTSTP)
        await running.until(
            "it says so",
            lambda: count(running, "SELECT count(*) FROM session WHERE draining", 1),
        )
        waiting = await running.submit(5, prompt="for others")
        running.processes["quiet"] = quiet
        await running.start("work")
        await running.until(
            "another worker takes them", lambda: running.model.calls["for others"] == 5
        )
        running.model.gate.set()
        await running.until_all_ended()

        assert quiet.returncode is None
        assert await running.stop("quiet") == 0
        await running.assert_each_succeeded_once([*jobs, *waiting])
        (row,) = await running.sql("SELECT max(releases) AS most FROM job")
        assert row.most <= 2
        mine = await running.sql("SELECT count(DISTINCT session_id) AS n FROM attempt")
        assert mine[0].n == 2

    play(settings, scene)

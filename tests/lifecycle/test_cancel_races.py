"""Everybody at once: callers, workers and the reaper want the same job, and it ends once."""

import asyncio
from uuid import UUID

from sqlalchemy import text

from infra.doorbells import Doorbells
from infra.postgres.engine import create_engine, transaction
from producer.cancel import Canceller
from schemas.ids import parse_id
from schemas.job import JobRecord
from schemas.job_states import JobState
from schemas.queue_errors import JobEndedError
from tests.fixtures.cancelling import cancel, with_canceller
from tests.fixtures.harness import Harness
from worker.attempts import AttemptRunner
from worker.pipeline.job_run import JobRun

HOOK = {"url": "https://receiver.example/hook"}


def live(genq: Harness) -> int:
    return genq.sql("SELECT count(*) AS n FROM live")[0].n


class Waits:
    """A stage that goes on when the caller has its answer."""

    name = "waits"

    def __init__(self) -> None:
        self.begun = 0
        self.answered = asyncio.Event()

    async def __call__(self, run: JobRun) -> JobRun:
        self.begun += 1
        async with asyncio.timeout(20):
            await self.answered.wait()
        return run


def test_a_cancel_and_a_start_at_the_same_moment_end_the_job_once(genq: Harness) -> None:
    for _ in range(40):
        job_id = genq.submit()
        genq.release()
        stage = Waits()

        answer, marked = genq.do(cancel_while_it_starts(genq, job_id, stage))

        assert answer is not None
        if answer.state is JobState.CANCELLED:
            # Acknowledged as ended: nothing has run, and nothing will.
            assert stage.begun == 0
            assert genq.job(job_id).state is JobState.CANCELLED
            assert genq.events(job_id) == ["job.cancelled"]
        else:
            # Acknowledged as running: the wish is written, though nobody here passes it on.
            assert marked
            assert genq.events(job_id) == ["job.succeeded"]
        assert live(genq) == 0


async def cancel_while_it_starts(
    genq: Harness, job_id: str, stage: Waits
) -> tuple[JobRecord | None, bool]:
    owner, key = genq.tenant("acme").id, parse_id("job", job_id)
    engine = create_engine(genq.settings, process="runner")

    async def answered() -> tuple[JobRecord | None, bool]:
        job = await with_canceller(genq, lambda one: cancelled(one, owner, key))
        async with transaction(engine) as connection:
            rows = await connection.execute(text("SELECT cancel FROM live"))
            marked = [row.cancel for row in rows] == [True]
        stage.answered.set()
        return job, marked

    try:
        async with Doorbells(genq.settings.doorbell_url()) as doorbells:
            runner = AttemptRunner(engine, genq.settings, doorbells, genq.session, (stage,))
            answer, _ = await asyncio.gather(answered(), runner.run([genq.sent.popleft()]))
            await runner.close()
            return answer
    finally:
        await engine.dispose()


async def cancelled(canceller: Canceller, owner: int, key: UUID) -> JobRecord | None:
    """Return the job, or ``None`` if it was too late."""
    try:
        return await canceller.cancel(owner, key)
    except JobEndedError:
        return None


def test_many_cancels_and_reapers_at_once_end_each_job_once(genq: Harness) -> None:
    jobs = [genq.submit(webhook=HOOK) for _ in range(60)]
    genq.release()
    claims = [genq.claim_one() for _ in range(30)]
    for job_id in jobs:
        cancel(genq, job_id)
    genq.advance(2 * genq.settings.cancel_grace)

    owner = genq.tenant("acme").id
    keys = [parse_id("job", job_id) for job_id in jobs]

    async def everybody() -> None:
        await with_canceller(
            genq,
            lambda one: asyncio.gather(*[cancelled(one, owner, key) for key in keys]),
        )

    genq.do(everybody())
    genq.reap()
    genq.reap()

    assert len(claims) == 30
    for job_id in jobs:
        assert genq.events(job_id) == ["job.cancelled"]
    assert live(genq) == 0
    assert len(genq.sql("SELECT 1 FROM delivery")) == len(jobs)

"""Time: jobs start when they may, and end when their time is over, told and never run late."""

import asyncio
from datetime import timedelta

import pytest

from infra.postgres.engine import create_engine
from producer.dispatcher.reaper import Reaped, reap_hung
from schemas.errors import ModelRateLimitedError
from schemas.ids import parse_id
from schemas.job_states import AttemptOutcome, JobState
from tests.fixtures.cancelling import cancel
from tests.fixtures.harness import Harness
from tests.lifecycle.test_lost_work import finish
from worker.pipeline.job_run import JobRun

HOOK = {"url": "https://receiver.example/hook"}
HOUR = timedelta(hours=1)


def live(genq: Harness) -> int:
    return genq.sql("SELECT count(*) AS n FROM live")[0].n


def assert_expired_once(genq: Harness, job_id: str, why: str) -> None:
    job = genq.job(job_id)
    assert job.state is JobState.EXPIRED
    assert job.error is not None
    assert job.error["code"] == "job_expired"
    assert why in job.error["message"]
    assert genq.events(job_id) == ["job.expired"]
    assert live(genq) == 0


def test_a_job_waits_for_the_instant_it_may_run_at(genq: Harness) -> None:
    job_id = genq.submit(run_at=3600)

    genq.run_until_idle()
    before = genq.job(job_id)
    reaped = genq.reap()
    genq.advance(HOUR)
    genq.run_until_idle()

    assert (before.state, before.waiting_on) == (JobState.SCHEDULED, "schedule")
    assert before.run_at is not None
    assert reaped.next_in is not None
    assert 3500 < reaped.next_in <= 3600
    assert genq.job(job_id).state is JobState.SUCCEEDED


@pytest.mark.parametrize("state", ["scheduled", "ready", "released"])
def test_a_job_that_waits_past_its_deadline_expires_and_its_receiver_is_told(
    genq: Harness, state: str
) -> None:
    run_at = 1800 if state == "scheduled" else None
    job_id = genq.submit(webhook=HOOK, deadline=3600, run_at=run_at)
    if state == "released":
        genq.release()

    genq.reap()
    too_early = genq.job(job_id).state
    genq.sql("UPDATE live SET deadline = now() - interval '1 ms'")
    reaped = genq.reap()
    while genq.sent:
        genq.work_one()

    assert too_early.name.lower() == state
    assert reaped.ended == (parse_id("job", job_id),)
    assert_expired_once(genq, job_id, "by its deadline")
    assert genq.provider.calls == []
    assert len(genq.sql("SELECT 1 FROM delivery")) == 1


def test_a_job_that_does_not_start_in_time_expires(genq: Harness) -> None:
    job_id = genq.submit(start_timeout=60)

    genq.advance(timedelta(minutes=2))
    genq.reap()

    assert_expired_once(genq, job_id, "had not started by")


def test_a_release_whose_time_is_over_does_not_start(genq: Harness) -> None:
    job_id = genq.submit(start_timeout=60)
    genq.release()

    genq.advance(timedelta(minutes=2))
    genq.work_one()
    genq.reap()

    assert genq.provider.calls == []
    assert_expired_once(genq, job_id, "had not started by")


def test_a_job_that_has_started_in_time_may_end_later(genq: Harness) -> None:
    job_id = genq.submit(start_timeout=60)
    genq.release()
    claim = genq.claim_one()

    genq.advance(timedelta(minutes=2))
    genq.reap()

    assert finish(genq, claim)
    assert genq.job(job_id).state is JobState.SUCCEEDED


def test_a_retry_is_not_bound_by_the_time_to_start(genq: Harness) -> None:
    job_id = genq.submit(start_timeout=60)
    genq.provider.failures.append(ModelRateLimitedError("come back later"))
    genq.run_until_idle()

    genq.advance(HOUR)
    genq.run_until_idle()

    assert genq.job(job_id).state is JobState.SUCCEEDED


def test_a_retry_that_waits_past_the_deadline_expires(genq: Harness) -> None:
    job_id = genq.submit(deadline=3600)
    genq.provider.failures.append(
        ModelRateLimitedError("come back later", retry_after=timedelta(minutes=30))
    )
    genq.run_until_idle()

    genq.sql("UPDATE live SET deadline = now() - interval '1 ms'")
    genq.run_until_idle()

    assert_expired_once(genq, job_id, "by its deadline")
    assert genq.job(job_id).attempts == 1


def test_thousands_expire_in_one_round(genq: Harness) -> None:
    async def submit_all() -> None:
        await asyncio.gather(*[genq.submit_async(start_timeout=60) for _ in range(1200)])

    genq.tenant("acme")
    genq.do(submit_all())
    genq.advance(timedelta(minutes=2))

    reaped = genq.reap()

    assert len(reaped.ended) == 1200
    assert live(genq) == 0


class Endless:
    """A stage that goes on until it is stopped."""

    name = "endless"

    async def __call__(self, run: JobRun) -> JobRun:
        await asyncio.Event().wait()
        return run


def test_a_running_job_is_stopped_at_its_deadline(genq: Harness) -> None:
    job_id = genq.submit(deadline=1.0)
    genq.release()
    genq.stages = (Endless(),)

    genq.work_one()

    assert_expired_once(genq, job_id, "by its deadline")
    assert genq.outcomes(job_id) == [AttemptOutcome.TIMEOUT]


def test_an_attempt_is_stopped_at_the_time_of_its_kind_and_tried_again(genq: Harness) -> None:
    job_id = genq.submit()
    genq.release()
    genq.stages = (Endless(),)
    genq.settings = genq.settings.model_copy(
        update={"image_timeout": timedelta(milliseconds=100)}
    )

    genq.work_one()

    job = genq.job(job_id)
    assert job.state is JobState.SCHEDULED
    assert genq.outcomes(job_id) == [AttemptOutcome.TIMEOUT]


def hang(genq: Harness, by: timedelta) -> None:
    genq.sql("UPDATE live SET started_at = started_at - :by WHERE state = 4", by=by)


def take_back(genq: Harness) -> Reaped:
    async def one_round() -> Reaped:
        engine = create_engine(genq.settings, process="reaper")
        try:
            return await reap_hung(engine, genq.settings)
        finally:
            await engine.dispose()

    return genq.do(one_round())


def test_an_attempt_that_hangs_in_a_living_worker_is_taken_back(genq: Harness) -> None:
    job_id = genq.submit()
    genq.release()
    hung = genq.claim_one()
    limit = genq.settings.image_timeout

    hang(genq, limit)
    in_grace = take_back(genq)
    hang(genq, genq.settings.cancel_grace)
    reaped = take_back(genq)
    late = finish(genq, hung)
    genq.run_until_idle()

    assert (in_grace.woken, reaped.woken) == (0, 1)
    assert not late
    assert genq.job(job_id).state is JobState.SUCCEEDED
    assert genq.outcomes(job_id) == [AttemptOutcome.TIMEOUT, AttemptOutcome.OK]


def test_attempts_that_hang_again_and_again_are_given_up(genq: Harness) -> None:
    genq.settings = genq.settings.model_copy(update={"max_attempts": 2})
    job_id = genq.submit()

    for _ in range(2):
        genq.release()
        genq.claim_one()
        hang(genq, 2 * HOUR)
        take_back(genq)

    job = genq.job(job_id)
    assert job.state is JobState.DEAD
    assert job.error is not None
    assert job.error["code"] == "model_timeout"
    assert genq.outcomes(job_id) == [AttemptOutcome.TIMEOUT] * 2
    assert genq.events(job_id) == ["job.failed"]


def test_a_hung_attempt_past_the_deadline_expires_the_job(genq: Harness) -> None:
    job_id = genq.submit(deadline=3600)
    genq.release()
    genq.claim_one()

    genq.advance(HOUR + 2 * genq.settings.cancel_grace)
    take_back(genq)

    assert_expired_once(genq, job_id, "by its deadline")


def test_a_hung_attempt_of_a_cancelled_job_ends_it(genq: Harness) -> None:
    job_id = genq.submit()
    genq.release()
    genq.claim_one()
    cancel(genq, job_id)

    hang(genq, 2 * HOUR)
    take_back(genq)

    assert genq.job(job_id).state is JobState.CANCELLED
    assert genq.events(job_id) == ["job.cancelled"]

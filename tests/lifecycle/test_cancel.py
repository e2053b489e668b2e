"""Whoever cancels is obeyed: at once if the job waits, soon if it runs, and for good."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from infra.doorbells import Doorbells
from infra.postgres.engine import create_engine
from infra.postgres.sessions import renew_session
from schemas.errors import ModelUnavailableError
from schemas.ids import parse_id
from schemas.job_states import AttemptOutcome, JobState
from schemas.queue_errors import JobEndedError
from tests.fixtures.cancelling import cancel, cancel_matching, with_canceller
from tests.fixtures.harness import Harness
from tests.lifecycle.test_lost_work import finish
from worker.attempts import AttemptRunner

HOOK = {"url": "https://receiver.example/hook"}


def live(genq: Harness) -> int:
    return genq.sql("SELECT count(*) AS n FROM live")[0].n


def assert_cancelled_once(genq: Harness, job_id: str) -> None:
    job = genq.job(job_id)
    assert job.state is JobState.CANCELLED
    assert job.error is not None
    assert job.error["code"] == "job_cancelled"
    assert genq.events(job_id) == ["job.cancelled"]
    assert live(genq) == 0


@pytest.mark.parametrize("state", ["held", "scheduled", "ready", "released"])
def test_a_job_that_waits_ends_at_once_and_its_receiver_is_told(
    genq: Harness, state: str
) -> None:
    job_id = genq.submit(webhook=HOOK, run_at=3600 if state == "scheduled" else None)
    if state == "held":
        genq.sql("UPDATE live SET state = 0")
    if state == "released":
        genq.release()

    job = cancel(genq, job_id)

    assert job is not None
    assert job.state is JobState.CANCELLED
    assert_cancelled_once(genq, job_id)
    assert genq.outcomes(job_id) == []
    (owed,) = genq.sql("SELECT url FROM delivery")
    assert owed.url == HOOK["url"]


def test_a_pointer_in_the_broker_to_a_cancelled_job_starts_nothing(genq: Harness) -> None:
    job_id = genq.submit()
    genq.release()

    cancel(genq, job_id)
    genq.work_one()

    assert_cancelled_once(genq, job_id)
    assert genq.provider.calls == []


def test_a_cancelled_release_lets_a_full_tenant_go_on(genq: Harness) -> None:
    genq.tenant("acme", max_inflight=1)
    first, second = genq.submit(), genq.submit()
    released = genq.release()

    cancel(genq, first)
    more = genq.release()

    assert [pointer.job_id for pointer in released] == [parse_id("job", first)]
    assert parse_id("job", second) in [pointer.job_id for pointer in more]


def test_cancelling_twice_is_cancelling_once(genq: Harness) -> None:
    job_id = genq.submit()

    first = cancel(genq, job_id)
    second = cancel(genq, job_id)

    assert first == second
    assert genq.events(job_id) == ["job.cancelled"]


def test_what_ended_in_another_way_cannot_be_cancelled(genq: Harness) -> None:
    job_id = genq.submit()
    genq.run_until_idle()

    with pytest.raises(JobEndedError, match="succeeded"):
        cancel(genq, job_id)

    assert genq.events(job_id) == ["job.succeeded"]


def test_an_unknown_job_is_nobodys_to_cancel(genq: Harness) -> None:
    job_id = genq.submit()
    genq.tenant("other")

    assert cancel(genq, job_id, tenant="other") is None
    assert genq.job(job_id).state is JobState.READY


def test_a_running_job_is_marked_and_its_renewal_tells_the_worker(genq: Harness) -> None:
    job_id = genq.submit()
    genq.release()
    claim = genq.claim_one()

    job = cancel(genq, job_id)
    renewal = genq.in_transaction(
        lambda c: renew_session(c, claim.session_id, genq.settings.session_ttl)
    )

    assert job is not None
    assert job.state is JobState.RUNNING
    assert renewal.cancelled == (claim.job_id,)


def test_a_success_that_was_quicker_than_the_cancel_stands(genq: Harness) -> None:
    job_id = genq.submit()
    genq.release()
    claim = genq.claim_one()

    cancel(genq, job_id)
    written = finish(genq, claim)
    genq.advance(2 * genq.settings.cancel_grace)
    genq.reap()

    assert written
    assert genq.job(job_id).state is JobState.SUCCEEDED
    assert genq.events(job_id) == ["job.succeeded"]


def test_a_worker_that_does_not_let_go_loses_the_job_after_the_grace(genq: Harness) -> None:
    job_id = genq.submit()
    genq.release()
    claim = genq.claim_one()

    cancel(genq, job_id)
    genq.reap()
    too_early = genq.job(job_id).state
    genq.advance(2 * genq.settings.cancel_grace)
    reaped = genq.reap()
    late = finish(genq, claim)

    assert too_early is JobState.RUNNING
    assert reaped.ended == (claim.job_id,)
    assert not late
    assert_cancelled_once(genq, job_id)
    assert genq.outcomes(job_id) == [AttemptOutcome.CANCELLED]


def test_a_cancelled_job_whose_worker_died_never_runs_again(genq: Harness) -> None:
    job_id = genq.submit()
    genq.release()
    genq.claim_one()

    cancel(genq, job_id)
    genq.silence_workers()
    genq.new_worker()
    genq.run_until_idle()

    assert_cancelled_once(genq, job_id)
    assert genq.outcomes(job_id) == [AttemptOutcome.LOST]
    assert genq.provider.calls == []


class CancelsMeanwhile:
    """A stage during which the caller cancels; the worker does not hear of it."""

    name = "cancels"

    def __init__(self, genq: Harness, job_id: str, then: BaseException | None) -> None:
        self._genq, self._job_id, self._then = genq, job_id, then

    async def __call__(self, run: Any) -> Any:
        owner, key = run.claim.tenant_id, parse_id("job", self._job_id)
        await with_canceller(self._genq, lambda one: one.cancel(owner, key))
        if self._then:
            raise self._then
        return run


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [
        (ModelUnavailableError("the model server answered 503"), AttemptOutcome.ERROR),
        (asyncio.CancelledError(), AttemptOutcome.INTERRUPTED),
    ],
)
def test_a_retry_of_a_cancelled_job_is_its_end(
    genq: Harness, failure: BaseException, outcome: AttemptOutcome
) -> None:
    job_id = genq.submit(webhook=HOOK)
    genq.release()
    genq.stages = (CancelsMeanwhile(genq, job_id, failure),)

    genq.work_one()

    assert_cancelled_once(genq, job_id)
    assert genq.outcomes(job_id) == [outcome]
    assert len(genq.sql("SELECT 1 FROM delivery")) == 1


def test_a_retry_that_waits_is_cancelled_at_once(genq: Harness) -> None:
    job_id = genq.submit()
    genq.provider.failures.append(ModelUnavailableError("the model server answered 503"))
    genq.release()
    genq.work_one()

    waited = genq.job(job_id).state
    cancel(genq, job_id)
    genq.advance(timedelta(hours=1))
    genq.run_until_idle()

    assert waited is JobState.SCHEDULED
    assert_cancelled_once(genq, job_id)
    assert genq.job(job_id).attempts == 1
    assert len(genq.provider.calls) == 1


class Held:
    """A stage that goes on until it is stopped, and says that it has begun."""

    name = "held"

    def __init__(self) -> None:
        self.begun = asyncio.Event()

    async def __call__(self, run: Any) -> Any:
        self.begun.set()
        await asyncio.Event().wait()
        return run


async def run_and_cancel(genq: Harness) -> None:
    engine = create_engine(genq.settings, process="runner")
    held = Held()
    try:
        async with Doorbells(genq.settings.doorbell_url()) as doorbells:
            runner = AttemptRunner(engine, genq.settings, doorbells, genq.session, (held,))
            pointer = genq.sent.popleft()
            running = asyncio.create_task(runner.run([pointer]))
            async with asyncio.timeout(10):
                await held.begun.wait()
                runner.cancel([pointer.job_id])
                await running
            await runner.close()
    finally:
        await engine.dispose()


def test_a_worker_that_hears_of_it_stops_the_attempt_and_says_so(genq: Harness) -> None:
    job_id = genq.submit()
    genq.release()

    genq.do(run_and_cancel(genq))

    assert_cancelled_once(genq, job_id)
    assert genq.outcomes(job_id) == [AttemptOutcome.CANCELLED]


def test_all_that_fits_is_cancelled_and_nothing_else(genq: Harness) -> None:
    chosen = [genq.submit(lane="relax") for _ in range(3)]
    other = genq.submit(lane="fast")
    foreign = genq.submit(tenant="other", lane="relax")

    counted = cancel_matching(genq, lane="relax", dry_run=True)
    report = cancel_matching(genq, lane="relax")

    assert (counted.matched, counted.cancelled, counted.dry_run) == (3, 3, True)
    assert (report.matched, report.cancelled, report.more) == (3, 3, False)
    assert {genq.job(job_id).state for job_id in chosen} == {JobState.CANCELLED}
    assert genq.job(other).state is JobState.READY
    assert genq.job(foreign, "other").state is JobState.READY

"""Of jobs that are the same one asks the model, and whatever becomes of it the others go on."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from schemas.errors import InputError, ModelUnavailableError
from schemas.ids import format_id, parse_id
from schemas.job_states import AttemptOutcome, JobState
from schemas.lanes import Lane
from tests.fixtures.caching import CachingWorkers
from tests.fixtures.harness import Harness


@pytest.fixture
def workers(genq: Harness) -> Iterator[CachingWorkers]:
    made = CachingWorkers(genq, 3, slots=40)
    yield made
    made.close()


def leads(genq: Harness, job_id: str) -> bool:
    return bool(genq.sql("SELECT 1 FROM flight WHERE job_id = :id", id=parse_id("job", job_id)))


def leader_of(genq: Harness) -> str:
    (row,) = genq.sql("SELECT job_id FROM flight")
    return format_id("job", row.job_id)


def test_a_thousand_of_the_same_are_one_call_and_a_thousand_results(
    genq: Harness, workers: CachingWorkers
) -> None:
    jobs = workers.ask_many(1_000)
    workers.provider.free.clear()
    workers.run_until_settled()
    (busy,) = genq.sql("SELECT count(*) AS n FROM live WHERE state = 4")
    # One asks, and few wait in the slots: the others are in the queue.
    assert busy.n <= 1 + 3 * 40 // 8
    workers.provider.free.set()
    workers.run(60)

    assert len(workers.provider.calls) == 1
    (row,) = genq.sql(
        "SELECT count(*) FILTER (WHERE final_state = 10) AS made,"
        " count(DISTINCT r.artifacts -> 0 ->> 'key') AS keys,"
        " count(*) FILTER (WHERE r.body -> 'cache' ->> 'status' = 'shared') AS shared,"
        " (SELECT count(*) FROM outbox WHERE kind = 1) AS events"
        " FROM job JOIN result r ON r.job_id = job.id"
    )
    assert (row.made, row.keys, row.shared, row.events) == (1_000, 1_000, 999, 1_000)
    assert len(jobs) == 1_000
    assert genq.sql("SELECT 1 FROM flight UNION ALL SELECT 1 FROM flight_waiter") == []
    (most,) = genq.sql("SELECT max(attempts) AS n FROM job")
    assert most.n <= 3


def test_a_failure_is_the_leaders_own_and_the_next_one_asks(
    genq: Harness, workers: CachingWorkers
) -> None:
    workers.provider.failures.append(InputError("no"))
    jobs = workers.ask_many(40)
    workers.run(30)

    states = [genq.job(job).state for job in jobs]
    assert states.count(JobState.FAILED) == 1
    assert states.count(JobState.SUCCEEDED) == 39
    assert len(workers.provider.calls) == 2


def test_what_can_be_mended_costs_only_the_job_that_asked_an_attempt(
    genq: Harness, workers: CachingWorkers
) -> None:
    workers.provider.failures.append(ModelUnavailableError("down"))
    jobs = workers.ask_many(20)
    workers.run(30)
    genq.advance(timedelta(minutes=2))
    workers.run(30)

    assert {genq.job(job).state for job in jobs} == {JobState.SUCCEEDED}
    failed = [job for job in jobs if AttemptOutcome.ERROR in genq.outcomes(job)]
    assert len(failed) == 1
    assert len(workers.provider.calls) == 2


def test_a_leader_that_is_cancelled_is_followed(genq: Harness, workers: CachingWorkers) -> None:
    jobs = workers.ask_many(20)
    workers.provider.free.clear()
    workers.run_until_settled()
    leader = leader_of(genq)
    workers.cancel(leader)
    workers.provider.free.set()
    workers.run(30)

    assert genq.job(leader).state is JobState.CANCELLED
    others = {genq.job(job).state for job in jobs if job != leader}
    assert others == {JobState.SUCCEEDED}
    assert len(workers.provider.calls) == 2


def test_a_leader_whose_worker_is_killed_is_followed(
    genq: Harness, workers: CachingWorkers
) -> None:
    jobs = workers.ask_many(20)
    workers.provider.free.clear()
    workers.run_until_settled()
    workers.kill()
    genq.silence_workers()
    genq.new_worker(200)
    workers.restart(2)
    workers.provider.free.set()
    workers.run(30)
    # Those that were put back look by themselves, at the latest now.
    genq.advance(timedelta(minutes=1))
    workers.run(30)

    assert {genq.job(job).state for job in jobs} == {JobState.SUCCEEDED}
    assert len(workers.provider.calls) == 2
    assert genq.sql("SELECT 1 FROM flight") == []


def test_a_faster_lane_does_not_wait_for_a_job_that_has_not_asked_yet(genq: Harness) -> None:
    workers = CachingWorkers(genq, places=1)
    try:
        other = workers.ask(seed=1)
        workers.provider.free.clear()
        workers.run_until(workers.provider.asked)
        slow = workers.ask(job={"lane": Lane.RELAX})
        workers.run_until_settled()
        assert leads(genq, slow)
        fast = workers.ask(job={"lane": Lane.TURBO})
        workers.run_until_settled()
        assert leads(genq, fast)
        workers.provider.free.set()
        workers.run(30)
    finally:
        workers.close()

    assert [format_id("job", call.job_id) for call in workers.provider.calls] == [other, fast]
    assert genq.job(slow).state is JobState.SUCCEEDED
    assert genq.job(slow).made["cache"] == {"status": "shared", "of": fast}
    assert genq.outcomes(slow) == [AttemptOutcome.SNOOZED, AttemptOutcome.OK]


def test_who_waits_expires_at_its_own_deadline_and_not_before(
    genq: Harness, workers: CachingWorkers
) -> None:
    leader = workers.ask()
    workers.provider.free.clear()
    workers.run_until(workers.provider.asked)
    workers.restart()
    hurried = workers.ask(job={"deadline": 20.0})
    workers.run_until_settled()

    assert genq.outcomes(hurried) == [AttemptOutcome.SNOOZED]
    assert genq.job(hurried).state is JobState.SCHEDULED
    workers.provider.free.set()
    workers.run(30)
    assert genq.job(leader).state is JobState.SUCCEEDED
    assert genq.job(hurried).state is JobState.SUCCEEDED
    assert len(workers.provider.calls) == 1

"""Of jobs that are the same one asks the model, and whatever becomes of it the others go on."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import text

from infra.postgres.cache import CacheKey
from infra.postgres.engine import transaction
from infra.postgres.flights import Landing, land
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


@pytest.fixture
def few(genq: Harness) -> Iterator[CachingWorkers]:
    """One worker, with too few slots to let anybody wait in them."""
    made = CachingWorkers(genq, slots=7)
    yield made
    made.close()


def leads(genq: Harness, job_id: str) -> bool:
    return bool(genq.sql("SELECT 1 FROM flight WHERE job_id = :id", id=parse_id("job", job_id)))


def followed(genq: Harness, workers: CachingWorkers, waiting: int) -> tuple[str, list[str]]:
    """Return a job that asks the model, which is held, and those that wait in the queue."""
    leader = workers.ask()
    workers.provider.free.clear()
    workers.run_until(workers.provider.asked)
    others = workers.ask_many(waiting)
    workers.run_until_settled()
    assert genq.sql("SELECT count(*) AS n FROM flight_waiter")[0].n == waiting
    return leader, others


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


def test_who_waits_uses_up_no_limit_and_no_share(genq: Harness, few: CachingWorkers) -> None:
    genq.tenant("acme")
    genq.sql(
        """UPDATE tenant SET limits = '{"requests_per_minute": 6, "images_per_minute": 6}'"""
    )
    _, waiting = followed(genq, few, 5)

    assert [genq.outcomes(job) for job in waiting] == [[AttemptOutcome.SNOOZED]] * 5
    (flow,) = genq.sql("SELECT vtime FROM flow")
    assert flow.vtime == 1_000_000
    used = genq.sql("SELECT key, tat - clock_timestamp() AS ahead FROM limiter ORDER BY key")
    assert len(used) == 2
    # The one call that was made: ten seconds of either.
    assert all(one.ahead <= timedelta(seconds=10) for one in used), used
    few.provider.free.set()
    few.run(30)
    assert len(few.provider.calls) == 1


def test_a_leader_that_was_superseded_is_followed_at_once(
    genq: Harness, few: CachingWorkers
) -> None:
    leader, waiting = followed(genq, few, 3)
    genq.sql("DELETE FROM live WHERE job_id = :id", id=parse_id("job", leader))
    few.provider.free.set()
    few.run(30)

    assert {genq.job(job).state for job in waiting} == {JobState.SUCCEEDED}
    assert genq.sql("SELECT 1 FROM flight UNION ALL SELECT 1 FROM flight_waiter") == []


def test_who_waits_for_a_job_that_nobody_ended_is_found_by_a_dispatcher(
    genq: Harness, few: CachingWorkers
) -> None:
    leader, waiting = followed(genq, few, 3)
    assert not few.end_waits()
    few.kill()
    few.restart()
    genq.sql("DELETE FROM live WHERE job_id = :id", id=parse_id("job", leader))
    few.provider.free.set()
    few.run(30)
    assert {genq.job(job).state for job in waiting} == {JobState.SCHEDULED}

    assert few.end_waits()
    few.run(30)
    assert {genq.job(job).state for job in waiting} == {JobState.SUCCEEDED}


def test_who_cannot_be_woken_just_now_is_passed_over_and_still_waits(
    genq: Harness, few: CachingWorkers
) -> None:
    followed(genq, few, 2)
    (flight,) = genq.sql("SELECT * FROM flight")
    landing = Landing(CacheKey(flight.tenant_id, flight.key), flight.job_id, flight.fence)
    (first, second) = [
        row.job_id for row in genq.sql("SELECT job_id FROM live WHERE state = 1 ORDER BY 1")
    ]

    async def land_beside() -> bool:
        async with transaction(few.engine) as other:
            await other.execute(
                text("SELECT 1 FROM live WHERE job_id = :id FOR UPDATE"), {"id": first}
            )
            async with transaction(few.engine) as connection:
                return await land(connection, [landing])

    assert genq.do(land_beside())
    due = genq.sql("SELECT job_id FROM live WHERE state = 1 AND run_at <= now()")
    assert [row.job_id for row in due] == [second]
    assert [row.job_id for row in genq.sql("SELECT job_id FROM flight_waiter")] == [first]
    few.provider.free.set()
    few.run(30)

"""What becomes of a job for which nothing is left: slower, later, or not at all."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from infra.postgres.submit import NewJob
from producer.budgets import BudgetedJob, insert_budgeted
from schemas.admission_errors import BudgetExhaustedError, BudgetTooSmallError
from schemas.budget import BudgetPeriod, OnExhausted
from schemas.generation import Kind
from schemas.job import JobRequest
from schemas.job_states import JobState
from schemas.lanes import Lane
from tests.fixtures.budgeting import assert_balanced, give, used
from tests.fixtures.cancelling import cancel
from tests.fixtures.harness import Harness
from tests.fixtures.scheduling import IMAGE, Clockwork

A_DAY = timedelta(days=1)


def refused(genq: Harness, **request: Any) -> BudgetExhaustedError:
    with pytest.raises(BudgetExhaustedError) as caught:
        genq.submit(**request)
    return caught.value


def test_a_downgraded_job_goes_to_the_batch_lane_and_is_counted(genq: Harness) -> None:
    give(genq, 1, OnExhausted.DOWNGRADE)
    first, second = genq.submit(), genq.submit()

    assert genq.job(first).lane is Lane.FAST
    assert genq.job(second).lane is Lane.BATCH
    assert used(genq) == (0, 2)
    genq.run_until_idle()
    assert genq.job(second).state is JobState.SUCCEEDED
    assert_balanced(genq)


def test_a_parked_job_waits_for_the_first_day_with_room_and_then_runs(genq: Harness) -> None:
    give(genq, 1, OnExhausted.PARK)

    jobs = [genq.submit() for _ in range(3)]

    today, tomorrow, after = (genq.job(job) for job in jobs)
    assert today.waiting_on != "budget"
    assert tomorrow.waiting_on == after.waiting_on == "budget"
    assert tomorrow.run_at is not None
    assert after.run_at == tomorrow.run_at + A_DAY
    assert tomorrow.run_at.isoformat().endswith("T00:00:00+00:00")
    assert tomorrow.deadline is not None
    assert tomorrow.deadline >= tomorrow.run_at + timedelta(days=6)
    assert_balanced(genq)

    genq.run_until_idle()
    assert genq.job(jobs[1]).state is JobState.SCHEDULED
    genq.advance(A_DAY)
    genq.run_until_idle()

    assert [genq.job(job).state for job in jobs] == [
        JobState.SUCCEEDED,
        JobState.SUCCEEDED,
        JobState.SCHEDULED,
    ]
    assert_balanced(genq)


def test_a_job_is_refused_that_would_have_to_wait_beyond_its_own_deadline(
    genq: Harness,
) -> None:
    give(genq, 1, OnExhausted.PARK, period=BudgetPeriod.MONTH)
    genq.submit()

    assert "deadline" in refused(genq, deadline=1.0).message


def test_what_never_fits_is_refused_for_good(genq: Harness) -> None:
    give(genq, 0, OnExhausted.PARK)

    error = refused(genq)

    assert isinstance(error, BudgetTooSmallError)
    assert not error.retryable


def test_the_strictest_of_two_exhausted_budgets_decides(genq: Harness) -> None:
    give(genq, 1, OnExhausted.DOWNGRADE, end_user="ann")
    give(genq, 2, OnExhausted.REJECT)

    assert genq.job(genq.submit(end_user="ann")).lane is Lane.FAST
    assert genq.job(genq.submit(end_user="ann")).lane is Lane.BATCH
    assert refused(genq, end_user="ann").members["budget"]["end_user"] is None


def test_a_group_that_is_written_again_reserves_once_and_answers_the_same(
    genq: Harness,
) -> None:
    give(genq, 2, OnExhausted.DOWNGRADE)
    wanted = JobRequest(kind=Kind.IMAGE, input={"prompt": "a"})

    async def draft() -> NewJob:
        return await genq._submitter.draft(genq._tenants["acme"], wanted)

    jobs = [replace(genq.do(draft()), idempotency_key=f"key {n}") for n in range(3)]

    def write() -> list[BudgetedJob]:
        return genq.in_transaction(
            lambda c: insert_budgeted(c, jobs, idempotency_ttl=timedelta(days=1))
        )

    # The answer to the first commit was lost.
    first, again = write(), write()

    assert [one.downgraded for one in first] == [False, False, True]
    assert [(one.created_at, one.downgraded, one.job.lane) for one in again] == [
        (one.created_at, one.downgraded, one.job.lane) for one in first
    ]
    assert used(genq) == (0, 3)
    assert_balanced(genq)


def test_a_schedule_whose_budget_is_exhausted_notes_it_and_goes_on(
    genq: Harness, clockwork: Clockwork
) -> None:
    give(genq, 1)
    job = genq.submit()
    request = {**IMAGE, "unique": {"key": "nightly"}}
    schedule = clockwork.create(request=request)
    clockwork.make_due()
    clockwork.serve()
    refused_run = clockwork.runs(schedule)[0]
    cancel(genq, job)
    # Far from the slot before, however slow the machine: a slot is run once.
    clockwork.make_due(timedelta(minutes=1))
    genq.advance(timedelta(seconds=2))
    clockwork.serve()

    assert refused_run.job_id is None
    assert "1 image" in (refused_run.error or "")
    assert clockwork.read(schedule).error is None
    assert len(clockwork.jobs()) == 1
    assert used(genq) == (0, 1)
    assert_balanced(genq)

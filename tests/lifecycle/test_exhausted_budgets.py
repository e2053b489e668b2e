"""What becomes of a job for which nothing is left: slower, later, or not at all."""

from datetime import timedelta
from typing import Any

import pytest

from schemas.admission_errors import BudgetExhaustedError, BudgetTooSmallError
from schemas.budget import BudgetPeriod, OnExhausted
from schemas.job_states import JobState
from schemas.lanes import Lane
from tests.fixtures.budgeting import assert_balanced, give, used
from tests.fixtures.harness import Harness

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

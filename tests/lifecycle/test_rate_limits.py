"""A model server's limits: they cost no attempt, and no job waits for them in a worker."""

from datetime import datetime, timedelta
from typing import Final

from schemas.errors import ModelRateLimitedError, ModelUnavailableError
from schemas.job_states import AttemptOutcome, JobState
from tests.fixtures.harness import Harness

RATE_LIMITED: Final = AttemptOutcome.RATE_LIMITED
SNOOZED: Final = AttemptOutcome.SNOOZED
ERROR: Final = AttemptOutcome.ERROR
OK: Final = AttemptOutcome.OK
MINUTE: Final = timedelta(minutes=1)


def limited(genq: Harness, pause: timedelta = MINUTE) -> None:
    genq.provider.failures.append(ModelRateLimitedError("429", retry_after=pause))


def releases(genq: Harness) -> list[int]:
    return [row.releases for row in genq.sql("SELECT releases FROM job ORDER BY id")]


def deadline_in(genq: Harness, time: timedelta) -> datetime:
    found: datetime = genq.sql("SELECT now() + :time AS at", time=time)[0].at
    return found


def test_one_refusal_holds_back_the_calls_of_all_jobs(genq: Harness) -> None:
    limited(genq)
    jobs = [genq.submit() for _ in range(5)]

    genq.run_until_idle()
    calls_at_first = len(genq.provider.calls)
    genq.advance(timedelta(seconds=55))
    genq.run_until_idle()
    calls_too_early = len(genq.provider.calls)
    genq.advance(timedelta(seconds=15))
    genq.run_until_idle()

    assert (calls_at_first, calls_too_early) == (1, 1)
    assert genq.outcomes(jobs[0]) == [RATE_LIMITED, OK]
    assert [genq.outcomes(job) for job in jobs[1:]] == [[SNOOZED, OK]] * 4
    assert {genq.job(job).state for job in jobs} == {JobState.SUCCEEDED}
    assert releases(genq) == [2] * 5


def test_a_snoozed_job_goes_back_with_its_instant_and_costs_no_attempt(genq: Harness) -> None:
    genq.gate.close("painter", MINUTE)
    job = genq.submit()

    genq.run_until_idle()

    row = genq.sql(
        "SELECT state, failures, session_id, run_at - clock_timestamp() AS wait FROM live"
    )[0]
    assert (row.state, row.failures, row.session_id) == (JobState.SCHEDULED, 0, None)
    # The reopening, and little above it.
    assert timedelta(seconds=55) < row.wait <= timedelta(seconds=65)
    assert genq.outcomes(job) == [SNOOZED]
    assert genq.provider.calls == []


def test_limits_never_end_a_job_however_often_they_come(genq: Harness) -> None:
    rounds = genq.settings.max_attempts + 2
    for _ in range(rounds):
        limited(genq)
    job = genq.submit()

    for _ in range(rounds + 1):
        genq.run_until_idle()
        # Longer and longer, up to retry_cap more than the server asked for.
        genq.advance(7 * MINUTE)

    assert genq.outcomes(job) == [RATE_LIMITED] * rounds + [OK]
    assert releases(genq) == [rounds + 1]


def test_failures_between_limits_still_count(genq: Harness) -> None:
    for _ in range(genq.settings.max_attempts):
        limited(genq)
        genq.provider.failures.append(ModelUnavailableError("503"))
    job = genq.submit()

    for _ in range(2 * genq.settings.max_attempts):
        genq.run_until_idle()
        genq.advance(10 * MINUTE)

    assert genq.job(job).state is JobState.DEAD
    assert genq.outcomes(job) == [RATE_LIMITED, ERROR] * genq.settings.max_attempts


def test_a_limit_that_outlasts_the_deadline_expires_the_job_at_once(genq: Harness) -> None:
    limited(genq, timedelta(hours=1))
    job = genq.submit(deadline=deadline_in(genq, 30 * MINUTE))

    genq.run_until_idle()

    ended = genq.job(job)
    assert ended.state is JobState.EXPIRED
    assert ended.error is not None
    assert ended.error["code"] == "job_expired"
    assert "model_rate_limited" in ended.error["message"]
    assert genq.outcomes(job) == [RATE_LIMITED]
    assert genq.events(job) == ["job.expired"]


def test_a_failure_whose_retry_would_come_too_late_expires_the_job_at_once(
    genq: Harness,
) -> None:
    error = ModelUnavailableError("503", retry_after=timedelta(hours=1))
    genq.provider.failures.append(error)
    job = genq.submit(deadline=deadline_in(genq, 30 * MINUTE))

    genq.run_until_idle()

    assert genq.job(job).state is JobState.EXPIRED
    assert genq.outcomes(job) == [ERROR]
    assert genq.events(job) == ["job.expired"]

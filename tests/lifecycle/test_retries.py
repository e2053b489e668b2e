"""Retries are rows: a failed attempt waits for its time and runs again under a new fence."""

from datetime import timedelta

from schemas.errors import (
    ModelAuthError,
    ModelRateLimitedError,
    ModelRefusedError,
    ModelUnavailableError,
)
from schemas.job_states import AttemptOutcome, JobState
from tests.fixtures.harness import Harness

LATER = timedelta(minutes=10)


def test_a_passing_failure_is_tried_again_later(genq: Harness) -> None:
    genq.provider.failures.append(ModelUnavailableError("502 from the model server"))
    job_id = genq.submit()

    genq.run_until_idle()
    waiting = genq.job(job_id)
    genq.advance(LATER)
    genq.run_until_idle()

    assert (waiting.state, waiting.waiting_on) == (JobState.SCHEDULED, "schedule")
    assert genq.job(job_id).state is JobState.SUCCEEDED
    assert genq.outcomes(job_id) == [AttemptOutcome.ERROR, AttemptOutcome.OK]
    assert genq.events(job_id) == ["job.succeeded"]


def test_a_lasting_failure_ends_after_max_attempts_with_one_event(genq: Harness) -> None:
    attempts = genq.settings.max_attempts
    genq.provider.failures.extend(ModelUnavailableError("503") for _ in range(attempts + 5))
    job_id = genq.submit()

    for _ in range(attempts + 2):
        genq.run_until_idle()
        genq.advance(LATER)

    job = genq.job(job_id)
    assert job.state is JobState.DEAD
    assert job.error is not None
    assert job.error["code"] == "model_unavailable"
    assert len(genq.provider.calls) == attempts
    assert genq.events(job_id) == ["job.failed"]


def test_a_rate_limit_costs_no_attempt_and_its_retry_after_is_kept(genq: Harness) -> None:
    limits = genq.settings.max_attempts + 3
    genq.provider.failures.extend(
        ModelRateLimitedError("429", retry_after=timedelta(seconds=60)) for _ in range(limits)
    )
    job_id = genq.submit()

    genq.run_until_idle()
    genq.advance(timedelta(seconds=55))
    genq.run_until_idle()
    calls_too_early = len(genq.provider.calls)
    for _ in range(limits):
        genq.advance(LATER)
        genq.run_until_idle()

    assert calls_too_early == 1
    assert genq.job(job_id).state is JobState.SUCCEEDED
    assert genq.outcomes(job_id) == [AttemptOutcome.RATE_LIMITED] * limits + [AttemptOutcome.OK]


def test_a_final_refusal_is_not_tried_again(genq: Harness) -> None:
    genq.provider.failures.append(ModelAuthError("401 from the model server"))
    job_id = genq.submit()

    genq.run_until_idle()

    assert genq.job(job_id).state is JobState.FAILED
    assert genq.events(job_id) == ["job.failed"]
    assert len(genq.provider.calls) == 1


def test_refused_content_ends_as_blocked(genq: Harness) -> None:
    genq.provider.failures.append(ModelRefusedError("the model refused the prompt"))
    job_id = genq.submit()

    genq.run_until_idle()

    assert genq.job(job_id).state is JobState.BLOCKED
    assert genq.events(job_id) == ["job.blocked"]


def test_a_fault_of_our_own_is_tried_again_and_does_not_leak(genq: Harness) -> None:
    attempts = genq.settings.max_attempts
    genq.provider.failures.extend(KeyError("/etc/secret") for _ in range(attempts))
    job_id = genq.submit()

    for _ in range(attempts):
        genq.run_until_idle()
        genq.advance(LATER)

    error = genq.job(job_id).error
    assert error is not None
    assert error["code"] == "internal_error"
    assert "/etc/secret" not in error["message"]

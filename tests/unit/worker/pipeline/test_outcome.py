import asyncio
from datetime import timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import (
    BlockedContentError,
    DatabaseUnavailableError,
    GenqError,
    InputError,
    InternalError,
    JobCancelledError,
    ModelAuthError,
    ModelBadAnswerError,
    ModelError,
    ModelRateLimitedError,
    ModelRefusedError,
    ModelTimeoutError,
    ModelUnavailableError,
    ObjectStoreError,
    UnknownModelError,
)
from schemas.job_states import AttemptOutcome, JobState
from tests.fixtures.claims import image_claim
from worker.pipeline.backoff import full_jitter
from worker.pipeline.outcome import (
    GiveUp,
    Interrupted,
    Refuse,
    Retry,
    RetryPolicy,
    Succeed,
    decide,
)

POLICY: Final = RetryPolicy(4, base=timedelta(seconds=2), cap=timedelta(minutes=5))

FINAL: Final = (InputError, UnknownModelError, ModelError, ModelAuthError)
COUNTED: Final = (
    ModelUnavailableError,
    ModelBadAnswerError,
    ModelTimeoutError,
    ObjectStoreError,
    DatabaseUnavailableError,
    InternalError,
)

chances = st.floats(0, 1, exclude_max=True)
policies = st.builds(
    RetryPolicy,
    st.integers(1, 100),
    base=st.timedeltas(timedelta(milliseconds=1), timedelta(hours=1)),
    cap=st.timedeltas(timedelta(milliseconds=1), timedelta(days=1)),
)
retry_afters = st.none() | st.timedeltas(timedelta(0), timedelta(days=1))


def test_an_attempt_without_an_error_succeeds() -> None:
    assert decide(None, image_claim(), POLICY, 0.5) == Succeed()


@given(st.sampled_from(COUNTED), st.integers(0, 200), policies, chances)
def test_no_failure_is_retried_after_the_last_permitted_attempt(
    kind: type[GenqError], failures: int, policy: RetryPolicy, random: float
) -> None:
    claim = image_claim(failures=failures, attempt=failures + 1)

    decision = decide(kind("no"), claim, policy, random)

    assert isinstance(decision, GiveUp) == (failures + 1 >= policy.max_attempts)
    assert isinstance(decision, GiveUp | Retry)


@given(st.sampled_from(COUNTED), policies, chances, retry_afters)
def test_a_retry_waits_for_its_jitter_and_for_what_the_server_asked(
    kind: type[GenqError], policy: RetryPolicy, random: float, asked: timedelta | None
) -> None:
    decision = decide(kind("no", retry_after=asked), image_claim(), policy, random)

    if isinstance(decision, Retry):
        assert decision.counts
        jitter = full_jitter(0, base=policy.base, cap=policy.cap, random=random)
        assert decision.delay == max(jitter, asked or timedelta(0))


@given(st.integers(1, 10_000), st.integers(0, 200), policies, chances, retry_afters)
def test_a_rate_limit_never_counts_and_never_ends_a_job(
    attempt: int, failures: int, policy: RetryPolicy, random: float, asked: timedelta | None
) -> None:
    claim = image_claim(attempt=attempt, failures=failures)

    decision = decide(ModelRateLimitedError("slow", retry_after=asked), claim, policy, random)

    assert isinstance(decision, Retry)
    assert not decision.counts
    assert decision.outcome is AttemptOutcome.RATE_LIMITED
    assert decision.delay >= (asked or timedelta(0))


def test_rate_limits_back_off_by_the_number_of_attempts() -> None:
    claims = [image_claim(attempt=attempt, failures=0) for attempt in (1, 2, 3)]

    decisions = [decide(ModelRateLimitedError("slow"), claim, POLICY, 0.5) for claim in claims]

    delays = [
        decision.delay.total_seconds() for decision in decisions if type(decision) is Retry
    ]
    assert delays == [1, 2, 4]


def test_failures_back_off_by_the_number_of_failures() -> None:
    claim = image_claim(attempt=40, failures=2)

    decision = decide(ModelUnavailableError("down"), claim, POLICY, 0.5)

    assert isinstance(decision, Retry)
    assert decision.delay == timedelta(seconds=4)


@pytest.mark.parametrize("kind", FINAL)
def test_what_another_attempt_cannot_mend_fails_at_once(kind: type[GenqError]) -> None:
    error = kind("no")

    decision = decide(error, image_claim(), POLICY, 0.5)

    assert decision == Refuse(JobState.FAILED, AttemptOutcome.ERROR, error)


@pytest.mark.parametrize("kind", [BlockedContentError, ModelRefusedError])
def test_content_that_is_refused_blocks_the_job(kind: type[GenqError]) -> None:
    error = kind("no")

    decision = decide(error, image_claim(), POLICY, 0.5)

    assert decision == Refuse(JobState.BLOCKED, AttemptOutcome.BLOCKED, error)


def test_the_wall_time_is_a_timeout_that_counts() -> None:
    decision = decide(TimeoutError(), image_claim(), POLICY, 0.5)

    assert isinstance(decision, Retry)
    assert decision.counts
    assert decision.outcome is AttemptOutcome.TIMEOUT
    assert isinstance(decision.error, ModelTimeoutError)


def test_the_last_failure_says_why_the_job_is_dead() -> None:
    decision = decide(TimeoutError(), image_claim(failures=3), POLICY, 0.5)

    assert isinstance(decision, GiveUp)
    assert decision.outcome is AttemptOutcome.TIMEOUT
    assert decision.error.code == "model_timeout"


@pytest.mark.parametrize(
    "error", [asyncio.CancelledError(), KeyboardInterrupt(), SystemExit(1)], ids=repr
)
def test_a_worker_that_stops_interrupts_the_job(error: BaseException) -> None:
    assert decide(error, image_claim(failures=3), POLICY, 0.5) == Interrupted()


@pytest.mark.parametrize("error", [asyncio.CancelledError(), JobCancelledError()], ids=repr)
def test_a_job_that_its_caller_cancelled_is_cancelled(error: BaseException) -> None:
    decision = decide(error, image_claim(cancel=True), POLICY, 0.5)

    assert isinstance(decision, Refuse)
    assert (decision.state, decision.outcome) == (JobState.CANCELLED, AttemptOutcome.CANCELLED)


def test_an_unexpected_exception_is_retried_and_its_text_is_not_published() -> None:
    secret = "sk-123 and a prompt and /srv/models/x"

    decision = decide(ValueError(secret), image_claim(), POLICY, 0.5)

    assert isinstance(decision, Retry)
    assert isinstance(decision.error, InternalError)
    assert decision.counts
    for word in secret.split():
        assert word not in decision.error.message.split()

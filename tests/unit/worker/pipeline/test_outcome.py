import asyncio
from datetime import timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.error_catalog import by_code
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
from schemas.model_errors import ModelMisconfiguredError
from schemas.picture_errors import PictureBusyError
from schemas.queue_errors import (
    ContextTooLongError,
    IdenticalJobRunsError,
    JobExpiredError,
    ModelBusyError,
)
from tests.fixtures.claims import STARTED_AT, image_claim
from worker.pipeline.backoff import full_jitter, spread
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

UNCOUNTED: Final[dict[type[GenqError], AttemptOutcome]] = {
    ModelRateLimitedError: AttemptOutcome.RATE_LIMITED,
    ModelBusyError: AttemptOutcome.SNOOZED,
    PictureBusyError: AttemptOutcome.SNOOZED,
    IdenticalJobRunsError: AttemptOutcome.SNOOZED,
}
FINAL: Final = (
    InputError,
    UnknownModelError,
    ModelError,
    ModelAuthError,
    ModelMisconfiguredError,
    ContextTooLongError,
)
COUNTED: Final = (
    ModelUnavailableError,
    ModelBadAnswerError,
    ModelTimeoutError,
    ObjectStoreError,
    DatabaseUnavailableError,
    InternalError,
)


def all_kinds() -> list[type[GenqError]]:
    return sorted(by_code().values(), key=lambda kind: kind.code)


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
        floor = spread(asked, 0, cap=policy.cap, random=random) if asked else timedelta(0)
        assert decision.delay == max(jitter, floor)


@given(
    st.sampled_from(sorted(UNCOUNTED, key=lambda kind: kind.code)),
    st.tuples(st.integers(1, 10_000), st.integers(0, 200)),
    policies,
    chances,
    retry_afters,
)
def test_a_limit_of_the_server_never_counts_and_never_ends_a_job_before_its_deadline(
    kind: type[GenqError],
    counts: tuple[int, int],
    policy: RetryPolicy,
    random: float,
    asked: timedelta | None,
) -> None:
    claim = image_claim(attempt=counts[0], failures=counts[1])

    decision = decide(kind("slow", retry_after=asked), claim, policy, random)

    assert isinstance(decision, Retry)
    assert not decision.counts
    assert decision.outcome is UNCOUNTED[kind]
    assert timedelta(0) <= decision.delay - (asked or timedelta(0)) <= policy.cap


@given(
    st.sampled_from((*COUNTED, *UNCOUNTED)),
    st.timedeltas(timedelta(0), timedelta(days=2)),
    st.timedeltas(timedelta(0), timedelta(days=2)),
    chances,
    retry_afters,
)
def test_a_retry_that_would_come_after_the_deadline_expires_the_job_now(
    kind: type[GenqError],
    left: timedelta,
    took: timedelta,
    random: float,
    asked: timedelta | None,
) -> None:
    error = kind("no", retry_after=asked)
    endless = image_claim()
    claim = image_claim(deadline=endless.started_at + left)

    unbounded = decide(error, endless, POLICY, random, took=took)
    decision = decide(error, claim, POLICY, random, took=took)

    assert isinstance(unbounded, Retry)
    if took + unbounded.delay <= left:
        assert decision == unbounded
    else:
        assert isinstance(decision, Refuse)
        assert decision.state is JobState.EXPIRED
        assert decision.outcome is unbounded.outcome
        assert isinstance(decision.error, JobExpiredError)
        assert error.code in decision.error.message


def test_the_last_permitted_failure_is_dead_and_not_expired() -> None:
    claim = image_claim(failures=3, deadline=STARTED_AT)

    assert isinstance(decide(TimeoutError(), claim, POLICY, 0.5), GiveUp)


def test_a_job_whose_deadline_came_while_it_ran_is_expired() -> None:
    error = JobExpiredError("too late")

    decision = decide(error, image_claim(), POLICY, 0.5)

    assert decision == Refuse(JobState.EXPIRED, AttemptOutcome.TIMEOUT, error)


@pytest.mark.parametrize("kind", all_kinds())
def test_every_error_of_the_tree_has_a_place_in_the_table(kind: type[GenqError]) -> None:
    error = kind.__new__(kind)
    # Some take other arguments, which make no difference here.
    GenqError.__init__(error, "no")

    decision = decide(error, image_claim(), POLICY, 0.5)

    assert isinstance(decision, Retry if error.retryable else Refuse)
    if isinstance(decision, Retry):
        # Only a limit of the other side is free; whatever else goes wrong is counted.
        assert decision.counts == (kind not in UNCOUNTED)


def test_rate_limits_back_off_by_the_number_of_attempts() -> None:
    claims = [image_claim(attempt=attempt, failures=0) for attempt in (1, 2, 3)]

    decisions = [decide(ModelRateLimitedError("slow"), claim, POLICY, 0.5) for claim in claims]

    delays = [
        decision.delay.total_seconds() for decision in decisions if type(decision) is Retry
    ]
    assert delays == [1, 2, 4]


def test_a_second_wait_is_the_servers_word_and_later_ones_thin_the_crowd_out() -> None:
    error = ModelRateLimitedError("slow", retry_after=timedelta(seconds=2))

    decisions = [decide(error, image_claim(attempt=n), POLICY, 0.5) for n in (1, 2, 3, 4, 20)]

    delays = [d.delay.total_seconds() for d in decisions if type(d) is Retry]
    assert delays == [2.1, 2.1, 2.2, 2.4, 152]


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

"""What an attempt's end means for its job. Pure, and the only retry mechanism there is.

The SDK's retries, Celery's retries, ETA and countdown are off: a delay is a row.

=====================================  ============  ================  ====================
what ended the attempt                 outcome       uses up           then
=====================================  ============  ================  ====================
nothing                                ok            -                 succeeded
a retryable error, or a fault of ours  error         max_attempts      retry, or dead
the wall time, model_timeout           timeout       max_attempts      retry, or dead
model_rate_limited (a 429)             rate_limited  only time         retry
model_busy (genq did not ask)          snoozed       only time         retry
picture_busy (nor a picture's host)    snoozed       only time         retry
identical_job_runs (it is answered)    snoozed       only time         retry
the worker stops                       interrupted   only time         ready at once
the worker died (the reaper says so)   lost          max_lost          ready, or dead
an error that is not retryable         error         -                 failed
job_expired                            timeout       -                 expired
job_cancelled, or a cancel that was    cancelled     -                 cancelled
asked for
refused content                        blocked       -                 blocked
a person has to look at it             held          -                 held
=====================================  ============  ================  ====================

A retry waits for full jitter, and never less than the other side asked for. What uses up only
time is bounded by the job's deadline: a retry that would come after it is not waited for, the
job is expired now, whatever ended the attempt.
"""

from asyncio import CancelledError
from dataclasses import dataclass
from datetime import timedelta

from schemas.claim import Claim
from schemas.errors import (
    BlockedContentError,
    GenqError,
    InternalError,
    JobCancelledError,
    ModelRateLimitedError,
    ModelTimeoutError,
)
from schemas.job_states import AttemptOutcome, JobState
from schemas.queue_errors import IdenticalJobRunsError, JobExpiredError, ModelBusyError
from schemas.review_terms import ReviewTerms
from schemas.safety import Stage, Verdict
from schemas.safety_errors import HeldForReviewError
from worker.pipeline.backoff import full_jitter, spread


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how slowly a job is tried again.

    Attributes:
        max_attempts: Failed attempts, the first included, after which a job is dead.
        base: The ceiling of the first delay; it doubles from try to try.
        cap: The highest ceiling.
    """

    max_attempts: int
    base: timedelta
    cap: timedelta


@dataclass(frozen=True, slots=True)
class Succeed:
    """The job is done."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Another attempt, ``delay`` from now. ``counts`` if this one used up a failure."""

    delay: timedelta
    outcome: AttemptOutcome
    counts: bool
    error: GenqError


@dataclass(frozen=True, slots=True)
class Refuse:
    """The job ends in ``state`` because no other attempt could end better."""

    state: JobState
    outcome: AttemptOutcome
    error: GenqError


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The job is dead: its last permitted attempt failed with ``error``."""

    outcome: AttemptOutcome
    error: GenqError


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The worker stops; the job goes on elsewhere, and this attempt costs it nothing."""


@dataclass(frozen=True, slots=True)
class Hold:
    """The job waits for a person's decision about its prompt, or about what was made."""

    stage: Stage
    verdict: Verdict
    terms: ReviewTerms


Decision = Succeed | Retry | Refuse | GiveUp | Interrupted | Hold


def decide(
    error: BaseException | None,
    claim: Claim,
    policy: RetryPolicy,
    random: float,
    *,
    took: timedelta = timedelta(0),
) -> Decision:
    """Return what becomes of a job whose attempt ended.

    Args:
        error: What ended the attempt; None for success. A ``TimeoutError`` is the attempt's
            wall time. A ``CancelledError`` is the caller's wish if ``claim.cancel`` says so,
            and otherwise the worker's shutdown.
        claim: The attempt.
        policy: How often and how slowly.
        random: Uniform in [0, 1).
        took: How long the attempt took; with its start it tells the time.
    """
    if error is None:
        return Succeed()
    if isinstance(error, CancelledError) and claim.cancel:
        return _refuse(JobCancelledError())
    if not isinstance(error, Exception):
        return Interrupted()
    if isinstance(error, HeldForReviewError):
        return Hold(error.stage, error.verdict, error.terms)
    known = classify(error)
    if not known.retryable:
        return _refuse(known)
    decision = _try_again(known, claim, policy, random)
    return _in_time(decision, claim, took) if isinstance(decision, Retry) else decision


def classify(error: Exception) -> GenqError:
    """Return the taxonomy's form of what a stage raised; its message may be published."""
    if isinstance(error, GenqError):
        return error
    if isinstance(error, TimeoutError):
        return ModelTimeoutError(
            "the attempt reached its time limit before the model server had answered: submit "
            "the job again later, or ask for less"
        )
    # The text of an unexpected exception may hold anything, a prompt or a path included.
    return InternalError(
        "genq failed while it ran the job; the operator finds the cause in the worker's log "
        "under this error's id"
    )


def _refuse(error: GenqError) -> Refuse:
    if isinstance(error, JobCancelledError):
        return Refuse(JobState.CANCELLED, AttemptOutcome.CANCELLED, error)
    if isinstance(error, JobExpiredError):
        return Refuse(JobState.EXPIRED, AttemptOutcome.TIMEOUT, error)
    if isinstance(error, BlockedContentError):
        return Refuse(JobState.BLOCKED, AttemptOutcome.BLOCKED, error)
    return Refuse(JobState.FAILED, AttemptOutcome.ERROR, error)


def _try_again(
    error: GenqError, claim: Claim, policy: RetryPolicy, random: float
) -> Retry | GiveUp:
    counts = not isinstance(error, ModelRateLimitedError)
    outcome = _outcome_of(error)
    if counts and claim.failures + 1 >= policy.max_attempts:
        return GiveUp(outcome, error)
    tried = claim.failures if counts else claim.attempt - 1
    delay = full_jitter(tried, base=policy.base, cap=policy.cap, random=random)
    if error.retry_after:
        # The other side knows when it takes more. From the third start on, that was not enough.
        # Who waits for an identical job is woken; its own look must not come too late.
        exact = counts or isinstance(error, IdenticalJobRunsError)
        again = 0 if exact else max(0, tried - 1)
        asked = spread(error.retry_after, again, cap=policy.cap, random=random)
        delay = max(delay, asked) if counts else asked
    return Retry(delay, outcome, counts, error)


def _in_time(retry: Retry, claim: Claim, took: timedelta) -> Retry | Refuse:
    if claim.deadline is None or claim.started_at + took + retry.delay <= claim.deadline:
        return retry
    expired = JobExpiredError(
        "the job's deadline comes before it could be tried again; the last attempt ended with "
        f"{retry.error.code}: {retry.error.message}"
    )
    return Refuse(JobState.EXPIRED, retry.outcome, expired)


def _outcome_of(error: GenqError) -> AttemptOutcome:
    if isinstance(error, ModelBusyError):
        return AttemptOutcome.SNOOZED
    if isinstance(error, ModelRateLimitedError):
        return AttemptOutcome.RATE_LIMITED
    if isinstance(error, ModelTimeoutError):
        return AttemptOutcome.TIMEOUT
    return AttemptOutcome.ERROR

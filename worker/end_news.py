"""What is counted and logged of an attempt's end, once it is written.

A job's end is one line: ``generation_completed``, or ``generation_failed`` if it ended against
its caller's will. An attempt whose job goes on, or was cancelled, is ``attempt_ended``.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final

import structlog

from infra.settings import Settings
from infra.telemetry.generation_metrics import (
    GENERATION_DURATION_SECONDS,
    GENERATION_ERRORS,
    GENERATION_REQUESTS,
    SAFETY_VIOLATIONS,
)
from infra.telemetry.metrics import (
    ATTEMPTS,
    JOB_RUN_SECONDS,
    JOB_TOTAL_SECONDS,
    JOBS_FINISHED,
    SAFETY_DECISIONS,
)
from infra.telemetry.safety_metrics import count_verdict
from infra.telemetry.tracing import TRACING, current_span
from schemas.claim import Claim
from schemas.errors import ErrorRecord, ModelRefusedError
from schemas.job_states import AttemptOutcome, JobState, status_of
from worker.pipeline.job_run import JobRun

_log: Final = structlog.get_logger()

# Finding a child by its labels costs more than counting; the sets are small, as labels must be.
_attempts: Final = lru_cache(maxsize=256)(ATTEMPTS.labels)
_run_seconds: Final = lru_cache(maxsize=64)(JOB_RUN_SECONDS.labels)
_total_seconds: Final = lru_cache(maxsize=64)(JOB_TOTAL_SECONDS.labels)
_finished: Final = lru_cache(maxsize=256)(JOBS_FINISHED.labels)
_requests: Final = lru_cache(maxsize=1024)(GENERATION_REQUESTS.labels)
_duration: Final = lru_cache(maxsize=256)(GENERATION_DURATION_SECONDS.labels)

_EVENTS: Final = {
    JobState.SUCCEEDED: "generation_completed",
    JobState.CANCELLED: "attempt_ended",
}


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """How an attempt ended.

    Attributes:
        state: The job's final state; ``None`` if it goes on.
        delay: When it is tried again, if it is.
    """

    outcome: AttemptOutcome
    took: timedelta
    state: JobState | None = None
    delay: timedelta | None = None
    error: ErrorRecord | None = None


class EndNews:
    """Counts and logs ends; an end user has a pseudonym unless the settings allow names."""

    def __init__(self, settings: Settings) -> None:
        pepper = hashlib.blake2b(settings.key_pepper.get_secret_value().encode()).digest()[:32]
        self._user: Callable[[int, str], str] = (
            _by_name if settings.log_end_users else _Pseudonyms(pepper)
        )

    def tell(self, run: JobRun, end: AttemptEnd) -> None:
        """Count the end and write its line."""
        claim, seconds = run.claim, end.took.total_seconds()
        code = end.error["code"] if end.error else ""
        _attempts(end.outcome.name.lower(), code).inc()
        _run_seconds(claim.lane.value, claim.kind.value).observe(seconds)
        for stage, verdict in run.verdicts.items():
            count_verdict(stage, verdict)
        facts: dict[str, Any] = {"outcome": end.outcome.name.lower()}
        if end.error:
            GENERATION_ERRORS.labels(f"{end.error['category']}:{code}").inc()
            facts |= {"error_code": code, "error_id": end.error["error_id"]}
        if end.delay is not None:
            facts["retry_in_s"] = round(end.delay.total_seconds(), 3)
        event = "attempt_ended"
        if end.state is not None:
            facts["status"] = _count_job(run, end, end.state)
            event = _EVENTS.get(end.state, "generation_failed")
        if event == "attempt_ended":
            facts["took_ms"] = round(seconds * 1000, 1)
        else:
            facts |= self._generation(run, seconds)
        if TRACING.tracer is not None:
            _tell_span(run, end, facts)
        _log.info(event, **facts)

    def _generation(self, run: JobRun, seconds: float) -> dict[str, Any]:
        claim, output = run.claim, run.output
        facts: dict[str, Any] = {"model": _model_of(run), "processing_time": round(seconds, 4)}
        if claim.end_user is not None:
            facts["user_id"] = self._user(claim.tenant_id, claim.end_user)
        if output is not None:
            facts["content_length"] = output.bytes if output.text is None else len(output.text)
        tokens = _tokens_of(run)
        if tokens is not None:
            facts["tokens_used"] = tokens
        return facts


class _Pseudonyms:
    def __init__(self, key: bytes) -> None:
        self._key = key

    def __call__(self, tenant_id: int, end_user: str) -> str:
        who = f"{tenant_id}:{end_user}".encode("utf-8", "surrogatepass")
        return "usr_" + hashlib.blake2b(who, key=self._key, digest_size=8).hexdigest()


def _by_name(tenant_id: int, end_user: str) -> str:
    del tenant_id
    return end_user


def _count_job(run: JobRun, end: AttemptEnd, state: JobState) -> str:
    claim, status = run.claim, status_of(state).value
    lane, kind, model = claim.lane.value, claim.kind.value, _model_of(run)
    _finished(lane, kind, status).inc()
    _total_seconds(lane, kind).observe(_total(claim, end.took))
    _requests(model, lane, status, claim.face).inc()
    _duration(model).observe(end.took.total_seconds())
    if state is JobState.BLOCKED and end.error:
        _count_refusal(end.error["code"])
    return status


def _count_refusal(code: str) -> None:
    """Count what the model server's own filter stopped; our verdicts are counted as such."""
    if code == ModelRefusedError.code:
        SAFETY_VIOLATIONS.labels(code).inc()
        SAFETY_DECISIONS.labels("generate", "model_server", "block").inc()


def _tell_span(run: JobRun, end: AttemptEnd, facts: dict[str, Any]) -> None:
    attempt = current_span()
    attempt.set("genq.outcome", facts["outcome"])
    attempt.set("response_time", _total(run.claim, end.took))
    attempt.set("model", _model_of(run))
    tokens = _tokens_of(run)
    if tokens is not None:
        attempt.set("total_tokens", tokens)
    if end.error:
        attempt.fail(end.error["code"])


def _total(claim: Claim, took: timedelta) -> float:
    return (claim.started_at + took - claim.created_at).total_seconds()


def _model_of(run: JobRun) -> str:
    return run.served_by.model if run.served_by else run.claim.model


def _tokens_of(run: JobRun) -> int | None:
    usage = run.output.usage if run.output else None
    if usage is None or (usage.input_tokens is None and usage.output_tokens is None):
        return None
    return (usage.input_tokens or 0) + (usage.output_tokens or 0)

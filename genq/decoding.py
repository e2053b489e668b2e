"""From the server's JSON to the SDK's models; what is missing or mistyped is named."""

import json

from genq.cache_decoding import read_job_cache
from genq.cost_decoding import read_job_cost, read_job_usage
from genq.errors import UnexpectedAnswerError
from genq.json_fields import Fields
from genq.models import (
    Artifact,
    CancelReport,
    DeadLetter,
    DeadLetterGroup,
    Death,
    Eta,
    Job,
    JobError,
    Output,
    QueuePlace,
    Redrive,
    Slice,
    Urls,
)
from genq.safety_decoding import read_safety
from genq.tree_decoding import read_lineage


def read_job(found: object) -> Job:
    """Return the job in a decoded JSON answer or event.

    Raises:
        UnexpectedAnswerError: A field that every job has is missing or of another type.
    """
    fields = Fields(found, "job")
    return Job(
        id=fields.text("id"),
        kind=fields.text("kind"),
        model=fields.text("model"),
        status=fields.text("status"),
        waiting_on=fields.maybe_text("waiting_on"),
        queue=_queue(fields.part("queue")),
        lane=fields.text("lane"),
        priority=fields.number("priority"),
        created_at=fields.moment("created_at"),
        run_at=fields.maybe_moment("run_at"),
        deadline=fields.maybe_moment("deadline"),
        started_at=fields.maybe_moment("started_at"),
        finished_at=fields.maybe_moment("finished_at"),
        input=fields.mapping("input"),
        output=_output(fields.part("output")),
        error=_error(fields.part("error")),
        attempts=fields.maybe_number("attempts") or 0,
        usage=read_job_usage(fields.part("usage")),
        cost=read_job_cost(fields.part("cost")),
        metadata={name: str(value) for name, value in fields.mapping("metadata").items()},
        tags=fields.texts("tags"),
        end_user=fields.maybe_text("end_user"),
        retry_of=fields.maybe_text("retry_of"),
        prompt_as_typed=fields.maybe_text("prompt_as_typed"),
        lineage=read_lineage(fields.part("lineage")),
        cache=read_job_cache(fields.part("cache")),
        safety=read_safety(fields.part("safety")),
        content=fields.maybe_text("content") or "kept",
        urls=_urls(fields.part("urls")),
        raw=fields.found,
    )


def read_cancel_report(found: object) -> tuple[CancelReport, bool]:
    """Return what was cancelled, and whether there is more to cancel."""
    fields = Fields(found, "cancellation")
    report = CancelReport(
        matched=fields.number("matched"),
        cancelled=fields.number("cancelled"),
        cancelling=fields.number("cancelling"),
        dry_run=fields.found.get("dry_run") is True,
    )
    return report, fields.found.get("more") is True


def read_slice(found: object) -> Slice:
    """Return one page of jobs from a decoded answer of ``GET /v1/jobs``."""
    fields = Fields(found, "list")
    jobs = tuple(read_job(part.found) for part in fields.parts("data"))
    more = fields.found.get("has_more") is True
    # A page's last job is where the next one begins, where the server does not say so itself.
    after = fields.maybe_text("next") or (jobs[-1].id if more and jobs else None)
    return Slice(jobs, more, after)


def read_dead_letter(found: object) -> DeadLetter:
    """Return the dead letter in a decoded answer; input and history where these were sent."""
    fields = Fields(found, "dead letter")
    webhook = fields.part("webhook")
    return DeadLetter(
        id=fields.text("id"),
        kind=fields.text("kind"),
        model=fields.text("model"),
        lane=fields.text("lane"),
        priority=fields.number("priority"),
        attempts=fields.maybe_number("attempts") or 0,
        created_at=fields.moment("created_at"),
        died_at=fields.moment("died_at"),
        error=_error(fields.part("error")),
        metadata={name: str(value) for name, value in fields.mapping("metadata").items()},
        end_user=fields.maybe_text("end_user"),
        redrive_of=fields.maybe_text("redrive_of"),
        redriven_by=fields.maybe_text("redriven_by"),
        input=fields.mapping("input"),
        webhook=webhook.found if webhook else None,
        history=tuple(_death(part) for part in fields.parts("history")),
        raw=fields.found,
    )


def read_dead_letters(found: object) -> tuple[tuple[DeadLetter, ...], str | None]:
    """Return one page of dead letters and the cursor of the next, ``None`` at the end."""
    fields = Fields(found, "list")
    letters = tuple(read_dead_letter(part.found) for part in fields.parts("data"))
    return letters, fields.maybe_text("next")


def read_dead_letter_groups(found: object) -> tuple[DeadLetterGroup, ...]:
    """Return the groups in a decoded answer."""
    return tuple(
        DeadLetterGroup(
            code=part.text("code"),
            model=part.text("model"),
            kind=part.text("kind"),
            count=part.number("count"),
            first_at=part.moment("first_at"),
            last_at=part.moment("last_at"),
            message=part.text("message"),
            sample=part.texts("sample"),
            raw=part.found,
        )
        for part in Fields(found, "list").parts("data")
    )


def read_redrive(found: object) -> Redrive:
    """Return what a redrive did, from a decoded answer."""
    fields = Fields(found, "redrive")
    return Redrive(
        dry_run=fields.found.get("dry_run") is True,
        matching=fields.number("matching"),
        redriven=fields.number("redriven"),
        already=fields.number("already"),
        has_more=fields.found.get("has_more") is True,
        submitted_before=fields.text("submitted_before"),
        jobs=tuple(
            (part.text("dead"), part.maybe_text("job")) for part in fields.parts("jobs")
        ),
        raw=fields.found,
    )


def read_eta(fields: Fields | None) -> Eta | None:
    """Return a range of seconds, or ``None``."""
    if fields is None:
        return None
    return Eta(fields.maybe_float("low") or 0.0, fields.maybe_float("high"))


def decode(body: bytes) -> object:
    """Return the JSON value in ``body``.

    Raises:
        UnexpectedAnswerError: It is not JSON.
    """
    try:
        found: object = json.loads(body)
    except ValueError:
        raise UnexpectedAnswerError("the answer is not JSON; is this genq's URL?") from None
    return found


def _output(fields: Fields | None) -> Output | None:
    if fields is None:
        return None
    artifacts = tuple(
        Artifact(
            index=part.number("index"),
            url=part.text("url"),
            content_type=part.text("content_type"),
            bytes=part.number("bytes"),
            sha256=part.text("sha256"),
            width=part.maybe_number("width"),
            height=part.maybe_number("height"),
        )
        for part in fields.parts("artifacts")
    )
    return Output(
        artifacts,
        fields.maybe_text("text"),
        texts=fields.texts("texts"),
        embeddings=fields.texts("embeddings"),
        seed=fields.maybe_number("seed"),
        upscaled_by=fields.maybe_text("upscaled_by"),
    )


def _error(fields: Fields | None) -> JobError | None:
    if fields is None:
        return None
    return JobError(
        code=fields.text("code"),
        message=fields.text("message"),
        category=fields.maybe_text("category") or "",
        severity=fields.maybe_text("severity") or "",
        retryable=fields.found.get("retryable") is True,
        error_id=fields.maybe_text("error_id") or "",
    )


def _urls(fields: Fields | None) -> Urls:
    if fields is None:
        return Urls()
    names = ("get", "cancel", "events", "manifest")
    return Urls(*(fields.maybe_text(name) for name in names))


def _queue(fields: Fields | None) -> QueuePlace | None:
    if fields is None:
        return None
    return QueuePlace(
        position=fields.maybe_number("position"),
        ahead_in_flow=fields.maybe_number("ahead_in_flow"),
        ahead_in_lane=fields.maybe_number("ahead_in_lane"),
        estimated=fields.found.get("estimated") is True,
        eta_seconds=read_eta(fields.part("eta_seconds")),
        waiting_until=fields.maybe_moment("waiting_until"),
    )


def _death(fields: Fields) -> Death:
    return Death(
        number=fields.number("number"),
        outcome=fields.text("outcome"),
        ended_at=fields.moment("ended_at"),
        started_at=fields.maybe_moment("started_at"),
        error=_error(fields.part("error")),
    )

"""Dead letters as callers see them."""

from typing import Any, Literal
from uuid import UUID

from schemas.dead_letter import DeadLetter, DeadLetterGroup
from schemas.generation import Kind
from schemas.ids import format_id
from schemas.job import ErrorView, iso_ms
from schemas.lanes import Lane
from schemas.shape import Shape


class DeadLetterView(Shape):
    """A dead letter in a listing."""

    id: str
    object: Literal["dead_letter"]
    kind: Kind
    model: str
    lane: Lane
    priority: int
    error: ErrorView | None
    attempts: int
    created_at: str
    died_at: str
    metadata: dict[str, str]
    end_user: str | None
    redrive_of: str | None
    redriven_by: str | None


class DeathView(Shape):
    """One attempt of a dead job."""

    number: int
    outcome: str
    started_at: str | None
    ended_at: str
    error: ErrorView | None


class DeadLetterDetailView(DeadLetterView):
    """A dead letter by itself: with what was asked for and how each attempt ended."""

    input: dict[str, Any]
    webhook: dict[str, Any] | None
    history: list[DeathView]


class DeadLetterGroupView(Shape):
    """Dead letters of one cause; ``filter`` chooses them for a redrive."""

    code: str
    model: str
    kind: Kind
    count: int
    first_at: str
    last_at: str
    message: str
    sample: list[str]


class DeadLetterPage(Shape):
    """One page of dead letters, newest job first. ``next`` goes into ``after``."""

    object: Literal["list"]
    data: list[DeadLetterView]
    has_more: bool
    next: str | None


class DeadLetterGroups(Shape):
    """Dead letters by cause; not ``complete`` if only the newest 100000 were counted."""

    object: Literal["list"]
    data: list[DeadLetterGroupView]
    counted: int
    complete: bool


class RedrivenView(Shape):
    """A dead job and the job that takes its place; null in a dry run."""

    dead: str
    job: str | None


class RedriveView(Shape):
    """What a redrive did.

    ``matching`` fitted when it began (counted up to 100000), ``redriven`` were sent again by
    this request, ``already`` had been sent before. If ``has_more``, the same request with this
    ``submitted_before`` goes on.
    """

    object: Literal["redrive"]
    dry_run: bool
    matching: int
    redriven: int
    already: int
    has_more: bool
    submitted_before: str
    jobs: list[RedrivenView]


def dead_letter_view(letter: DeadLetter) -> dict[str, Any]:
    """Return the JSON form of ``letter``: exactly the fields of ``DeadLetterView``."""
    return {
        "id": format_id("job", letter.id),
        "object": "dead_letter",
        "kind": letter.kind.value,
        "model": letter.model,
        "lane": letter.lane.value,
        "priority": letter.priority,
        "error": letter.error,
        "attempts": letter.attempts,
        "created_at": iso_ms(letter.created_at),
        "died_at": iso_ms(letter.died_at),
        "metadata": dict(letter.metadata),
        "end_user": letter.end_user,
        "redrive_of": _job_id(letter.redrive_of),
        "redriven_by": _job_id(letter.redriven_by),
    }


def dead_letter_detail_view(letter: DeadLetter) -> dict[str, Any]:
    """Return the JSON form of ``letter``: exactly the fields of ``DeadLetterDetailView``."""
    history = [
        {
            "number": death.number,
            "outcome": death.outcome.name.lower(),
            "started_at": iso_ms(death.started_at) if death.started_at else None,
            "ended_at": iso_ms(death.ended_at),
            "error": death.error,
        }
        for death in letter.history
    ]
    webhook = None if letter.webhook is None else dict(letter.webhook)
    return {
        **dead_letter_view(letter),
        "input": dict(letter.input),
        "webhook": webhook,
        "history": history,
    }


def group_view(group: DeadLetterGroup) -> dict[str, Any]:
    """Return the JSON form of ``group``: exactly the fields of ``DeadLetterGroupView``."""
    return {
        "code": group.code,
        "model": group.model,
        "kind": group.kind.value,
        "count": group.count,
        "first_at": iso_ms(group.first_at),
        "last_at": iso_ms(group.last_at),
        "message": group.message,
        "sample": [format_id("job", job_id) for job_id in group.sample],
    }


def _job_id(job_id: UUID | None) -> str | None:
    return None if job_id is None else format_id("job", job_id)

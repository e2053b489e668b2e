"""Recurring schedules as the SDK hands them out, and how they are read."""

from dataclasses import dataclass, field
from datetime import datetime

from genq.json_fields import Fields
from genq.models import Json


@dataclass(frozen=True, slots=True)
class ScheduleRun:
    """A time that a schedule served: its job, or why there is none."""

    slot: datetime
    job_id: str | None = None
    error: str | None = None
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A recurring schedule. Times are aware UTC; ``raw`` is the answer as it came.

    Attributes:
        request: The job that each time submits, as ``jobs.create`` would send it.
        catch_up: ``once`` or ``skip``: what becomes of times that passed while nothing ran.
        next_at: When it is due next; ``None`` while it is paused, or if never again.
        last_run: The latest time that was served.
        error: Why its latest time got no job.
    """

    id: str
    name: str
    cron: str
    timezone: str
    created_at: datetime
    request: Json = field(default_factory=dict[str, object])
    catch_up: str = "once"
    paused: bool = False
    next_at: datetime | None = None
    last_run: ScheduleRun | None = None
    error: str | None = None
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


def read_schedule(found: object) -> Schedule:
    """Return the schedule in a decoded JSON answer.

    Raises:
        UnexpectedAnswerError: A field that every schedule has is missing or mistyped.
    """
    fields = Fields(found, "schedule")
    run = fields.part("last_run")
    return Schedule(
        id=fields.text("id"),
        name=fields.text("name"),
        cron=fields.text("cron"),
        timezone=fields.text("timezone"),
        created_at=fields.moment("created_at"),
        request=fields.mapping("request"),
        catch_up=fields.maybe_text("catch_up") or "once",
        paused=fields.found.get("paused") is True,
        next_at=fields.maybe_moment("next_at"),
        last_run=_run(run) if run else None,
        error=fields.maybe_text("error"),
        raw=fields.found,
    )


def read_schedules(found: object) -> tuple[tuple[Schedule, ...], str | None]:
    """Return one page of schedules and the cursor of the next, ``None`` at the end."""
    fields = Fields(found, "list")
    page = tuple(read_schedule(part.found) for part in fields.parts("data"))
    return page, fields.maybe_text("next")


def read_runs(found: object) -> tuple[tuple[ScheduleRun, ...], str | None]:
    """Return one page of runs and the cursor of the next, ``None`` at the end."""
    fields = Fields(found, "list")
    return tuple(_run(part) for part in fields.parts("data")), fields.maybe_text("next")


def _run(fields: Fields) -> ScheduleRun:
    return ScheduleRun(
        slot=fields.moment("slot"),
        job_id=fields.maybe_text("job_id"),
        error=fields.maybe_text("error"),
        raw=fields.found,
    )

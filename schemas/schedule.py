"""A recurring schedule as callers ask for it and as they see it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field

from schemas.ids import format_id
from schemas.job import JobRequest, iso_ms
from schemas.shape import Shape

MAX_NAME_CHARACTERS: Final = 100
_MAX_CRON_CHARACTERS: Final = 200


class CatchUp(StrEnum):
    """What becomes of the times that passed while nothing ran."""

    SKIP = "skip"
    ONCE = "once"


def _printable(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        raise ValueError("must be printable characters, without spaces around them")
    return text


Name = Annotated[
    str, Field(min_length=1, max_length=MAX_NAME_CHARACTERS), AfterValidator(_printable)
]
Cron = Annotated[
    str, Field(min_length=1, max_length=_MAX_CRON_CHARACTERS), AfterValidator(_printable)
]
Zone = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_printable)]


class ScheduleRequest(Shape):
    """The body of ``POST /v1/schedules``.

    Attributes:
        name: Unique among the tenant's schedules.
        cron: ``minute hour day month weekday``, or six fields with seconds first, or
            ``@hourly``, ``@daily``, ``@weekly``, ``@monthly``, ``@yearly``.
        timezone: An IANA name; the expression is read in it, through every clock change.
        request: The job to submit each time, as the body of ``POST /v1/jobs``.
        catch_up: What becomes of times that are missed, that is, older than a minute when a
            dispatcher comes to them: ``once`` makes up for the latest, ``skip`` for none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    cron: Cron
    timezone: Zone = "UTC"
    request: JobRequest
    catch_up: CatchUp = CatchUp.ONCE
    paused: Annotated[bool, Field(strict=True)] = False


class ScheduleChange(Shape):
    """The body of ``PATCH /v1/schedules/{id}``: what is absent stays as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name | None = None
    cron: Cron | None = None
    timezone: Zone | None = None
    request: JobRequest | None = None
    catch_up: CatchUp | None = None
    paused: Annotated[bool, Field(strict=True)] | None = None


@dataclass(frozen=True, slots=True)
class ScheduleRun:
    """A time of a schedule that was served: its job, or why there is none."""

    slot: datetime
    job_id: UUID | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule as it is stored; ``request`` is JSON, checked when it was written.

    Attributes:
        next_at: When it is due next; ``None`` if never again.
        error: Why its latest time got no job.
        last_run: The latest time that was served.
    """

    id: UUID
    tenant_id: int
    name: str
    cron: str
    timezone: str
    request: Mapping[str, Any]
    catch_up: CatchUp
    paused: bool
    next_at: datetime | None
    created_at: datetime
    error: str | None = None
    last_run: ScheduleRun | None = None


class ScheduleRunView(Shape):
    """A time that was served, in answers."""

    slot: str
    job_id: str | None
    error: str | None


class ScheduleView(Shape):
    """A schedule in answers."""

    id: str
    object: Literal["schedule"]
    name: str
    cron: str
    timezone: str
    request: dict[str, Any]
    catch_up: CatchUp
    paused: bool
    next_at: str | None
    last_run: ScheduleRunView | None
    error: str | None
    created_at: str


class SchedulePage(Shape):
    """One page of schedules, by name. ``next`` goes into ``after``."""

    object: Literal["list"]
    data: list[ScheduleView]
    has_more: bool
    next: str | None


class ScheduleRunPage(Shape):
    """One page of runs, newest first. ``next`` goes into ``after``."""

    object: Literal["list"]
    data: list[ScheduleRunView]
    has_more: bool
    next: str | None


def schedule_view(schedule: Schedule) -> dict[str, Any]:
    """Return the JSON form of ``schedule``: exactly the fields of ``ScheduleView``."""
    next_at = None if schedule.paused else schedule.next_at
    return {
        "id": format_id("sched", schedule.id),
        "object": "schedule",
        "name": schedule.name,
        "cron": schedule.cron,
        "timezone": schedule.timezone,
        "request": dict(schedule.request),
        "catch_up": schedule.catch_up.value,
        "paused": schedule.paused,
        "next_at": iso_ms(next_at) if next_at else None,
        "last_run": run_view(schedule.last_run) if schedule.last_run else None,
        "error": schedule.error,
        "created_at": iso_ms(schedule.created_at),
    }


def run_view(run: ScheduleRun) -> dict[str, Any]:
    """Return the JSON form of ``run``: exactly the fields of ``ScheduleRunView``."""
    return {
        "slot": iso_ms(run.slot),
        "job_id": format_id("job", run.job_id) if run.job_id else None,
        "error": run.error,
    }

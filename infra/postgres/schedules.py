"""Recurring schedules: kept by tenants, served by whichever dispatcher gets there first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.contents import Place
from infra.postgres.sealed_content import Opened, open_inputs, seal_input
from schemas.schedule import CatchUp, Schedule, ScheduleRun

_COLUMNS: Final = """
SELECT s.id, s.tenant_id, s.name, s.cron, s.timezone, s.request, s.catch_up, s.paused,
  s.next_at, s.created_at, s.error, r.slot, r.job_id, r.error AS run_error
FROM schedule s LEFT JOIN LATERAL (
  SELECT slot, job_id, error FROM schedule_run
  WHERE schedule_id = s.id ORDER BY slot DESC LIMIT 1) r ON true
"""

_ONE: Final = text(_COLUMNS + "WHERE s.id = :id AND s.tenant_id = :tenant_id")
_LOCK: Final = text(
    _COLUMNS + "WHERE s.id = :id AND s.tenant_id = :tenant_id FOR NO KEY UPDATE OF s"
)
_PAGE: Final = text(
    _COLUMNS
    + """
WHERE s.tenant_id = :tenant_id AND s.name > :after ORDER BY s.name LIMIT :limit
"""
)

# The name may have been taken by somebody else's transaction: then nothing is written.
_ADD: Final = text("""
INSERT INTO schedule (id, tenant_id, name, cron, timezone, request, catch_up, paused, next_at)
VALUES (:id, :tenant_id, :name, :cron, :timezone, CAST(:request AS jsonb), :catch_up, :paused,
  :next_at)
ON CONFLICT (tenant_id, name) DO NOTHING RETURNING created_at
""")

_CHANGE: Final = text("""
UPDATE schedule SET name = :name, cron = :cron, timezone = :timezone,
  request = CAST(:request AS jsonb), catch_up = :catch_up, paused = :paused,
  next_at = :next_at, error = :error
WHERE id = :id AND tenant_id = :tenant_id
""")

_DELETE: Final = text("DELETE FROM schedule WHERE id = :id AND tenant_id = :tenant_id")

# When a person is erased nothing is made for them any more.
_NAMED: Final = text("""
SELECT id, request ->> 'end_user' AS end_user FROM schedule
WHERE tenant_id = :tenant_id AND request ->> 'end_user' IS NOT NULL
""")

_RUNS: Final = text("""
SELECT slot, job_id, error AS run_error FROM schedule_run
WHERE schedule_id = :id AND slot < COALESCE(CAST(:before AS timestamptz), 'infinity')
ORDER BY slot DESC LIMIT :limit
""")

_DUE: Final = text("""
SELECT id, tenant_id, name, cron, timezone, request, catch_up, paused, next_at, created_at,
  error, NULL AS slot, clock_timestamp() AS found_at
FROM schedule
WHERE NOT paused AND next_at <= now() AND (CAST(:only AS uuid) IS NULL OR id = :only)
ORDER BY next_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
""")

_SERVED: Final = text("""
INSERT INTO schedule_run (schedule_id, slot, job_id, error)
SELECT id, :slot, CAST(:job_id AS uuid), CAST(:error AS text)
FROM schedule WHERE id = :id FOR KEY SHARE
ON CONFLICT (schedule_id, slot) DO NOTHING
""")

_NEXT_DUE: Final = text(
    "SELECT min(next_at) - clock_timestamp() FROM schedule WHERE NOT paused"
)

_WAS_SERVED: Final = text(
    "SELECT EXISTS (SELECT 1 FROM schedule_run WHERE schedule_id = :id AND slot = :slot)"
)

# The row that was not found due any more (paused, changed meanwhile) is left alone.
_MOVE: Final = text("""
UPDATE schedule SET next_at = :next_at, error = :error WHERE id = :id AND next_at = :due
""")

# Each time served takes away what is past retention, so that a schedule's rows stay few.
_FORGET: Final = text("""
DELETE FROM schedule_run WHERE schedule_id = :id AND slot IN (
  SELECT slot FROM schedule_run
  WHERE schedule_id = :id AND slot < now() - CAST(:age AS interval)
  ORDER BY slot LIMIT 100)
""")


@dataclass(frozen=True, slots=True)
class DueSchedule:
    """A schedule whose time has come, locked until the end of the transaction.

    Attributes:
        schedule: As it is stored; its ``last_run`` is not read.
        due: The slot that has come.
        found_at: PostgreSQL's time.
    """

    schedule: Schedule
    due: datetime
    found_at: datetime


async def database_time(connection: AsyncConnection) -> datetime:
    """Return PostgreSQL's time, which decides what is due."""
    return (await connection.execute(text("SELECT clock_timestamp()"))).scalar_one()


async def add_schedule(connection: AsyncConnection, schedule: Schedule) -> datetime | None:
    """Insert a schedule; return when, or ``None`` if the tenant has one of this name."""
    rows = await connection.execute(_ADD, await _values(connection, schedule))
    return rows.scalar_one_or_none()


async def get_schedule(
    connection: AsyncConnection, tenant_id: int, schedule_id: UUID, *, lock: bool = False
) -> Schedule | None:
    """Return a tenant's schedule, or ``None``; locked, it stays as it is until the commit."""
    statement = _LOCK if lock else _ONE
    found = await connection.execute(statement, {"id": schedule_id, "tenant_id": tenant_id})
    row = found.one_or_none()
    return (await _schedules(connection, [row]))[0] if row else None


async def list_schedules(
    connection: AsyncConnection, tenant_id: int, *, limit: int, after: str = ""
) -> list[Schedule]:
    """Return a tenant's schedules by name, those behind the name ``after``."""
    rows = await connection.execute(
        _PAGE, {"tenant_id": tenant_id, "limit": limit, "after": after}
    )
    return await _schedules(connection, rows.all())


async def list_runs(
    connection: AsyncConnection,
    schedule_id: UUID,
    *,
    limit: int,
    before: datetime | None = None,
) -> list[ScheduleRun]:
    """Return the times that were served, newest first, older than ``before``."""
    rows = await connection.execute(
        _RUNS, {"id": schedule_id, "limit": limit, "before": before}
    )
    return [_run(row) for row in rows]


async def change_schedule(connection: AsyncConnection, schedule: Schedule) -> bool:
    """Write a schedule that was locked.

    Returns:
        Whether its name was free; if not, the transaction can only be rolled back.
    """
    try:
        await connection.execute(_CHANGE, await _values(connection, schedule))
    except IntegrityError:
        return False
    return True


async def delete_schedule(
    connection: AsyncConnection, tenant_id: int, schedule_id: UUID
) -> bool:
    """Delete a schedule and its runs, not its jobs; return whether there was one."""
    found = await connection.execute(_DELETE, {"id": schedule_id, "tenant_id": tenant_id})
    return found.rowcount > 0


async def schedules_with_names(
    connection: AsyncConnection, tenant_id: int
) -> list[tuple[UUID, str]]:
    """Return a tenant's schedules that make jobs for somebody, and for whom."""
    rows = await connection.execute(_NAMED, {"tenant_id": tenant_id})
    return [(row.id, row.end_user) for row in rows]


async def lock_due_schedule(
    connection: AsyncConnection, *, only: UUID | None = None
) -> DueSchedule | None:
    """Lock the schedule that is due the longest and that no other dispatcher has.

    Args:
        connection: A transaction.
        only: Look at this schedule alone.
    """
    row = (await connection.execute(_DUE, {"only": only})).one_or_none()
    if row is None:
        return None
    (opened,) = await open_inputs(connection, [(_place(row.tenant_id, row.id), row.request)])
    # One that does not open is no request: that is noted with it, and the others are served.
    return DueSchedule(_schedule(row, opened), row.next_at, row.found_at)


async def until_next_due(connection: AsyncConnection) -> timedelta | None:
    """Return how long it is until some schedule is due; ``None`` if none will be."""
    return (await connection.execute(_NEXT_DUE)).scalar_one()


async def was_served(connection: AsyncConnection, schedule_id: UUID, slot: datetime) -> bool:
    """Return whether this time of the schedule was served."""
    found = await connection.execute(_WAS_SERVED, {"id": schedule_id, "slot": slot})
    return bool(found.scalar_one())


async def note_run(connection: AsyncConnection, schedule_id: UUID, run: ScheduleRun) -> bool:
    """Write that a time was served; return whether it had not been before."""
    written = await connection.execute(
        _SERVED,
        {"id": schedule_id, "slot": run.slot, "job_id": run.job_id, "error": run.error},
    )
    return written.rowcount > 0


async def move_on(
    connection: AsyncConnection,
    found: DueSchedule,
    *,
    next_at: datetime | None,
    error: str | None,
    keep_runs: timedelta,
) -> None:
    """Let the schedule wait for its next time, and drop its runs older than ``keep_runs``."""
    key = found.schedule.id
    await connection.execute(
        _MOVE, {"id": key, "due": found.due, "next_at": next_at, "error": error}
    )
    await connection.execute(_FORGET, {"id": key, "age": keep_runs})


async def _schedules(connection: AsyncConnection, rows: Sequence[Row[Any]]) -> list[Schedule]:
    stored = [(_place(row.tenant_id, row.id), row.request) for row in rows]
    opened = await open_inputs(connection, stored)
    for one in opened:
        one.required()
    return [_schedule(row, one) for row, one in zip(rows, opened, strict=True)]


def _place(tenant_id: int, schedule_id: UUID) -> Place:
    return Place(tenant_id, "schedule", str(schedule_id), "request")


async def _values(connection: AsyncConnection, schedule: Schedule) -> dict[str, Any]:
    place = _place(schedule.tenant_id, schedule.id)
    return {
        "id": schedule.id,
        "tenant_id": schedule.tenant_id,
        "name": schedule.name,
        "cron": schedule.cron,
        "timezone": schedule.timezone,
        "request": await seal_input(connection, place, schedule.request),
        "catch_up": schedule.catch_up.value,
        "paused": schedule.paused,
        "next_at": schedule.next_at,
        "error": schedule.error,
    }


def _schedule(row: Row[Any], opened: Opened) -> Schedule:
    return Schedule(
        id=row.id,
        tenant_id=row.tenant_id,
        name=row.name,
        cron=row.cron,
        timezone=row.timezone,
        request=opened.body,
        catch_up=CatchUp(row.catch_up),
        paused=row.paused,
        next_at=row.next_at,
        created_at=row.created_at,
        error=row.error,
        last_run=_run(row) if row.slot else None,
    )


def _run(row: Row[Any]) -> ScheduleRun:
    return ScheduleRun(row.slot, row.job_id, row.run_error)

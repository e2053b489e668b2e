"""Serves recurring schedules: one job per slot, whichever dispatcher comes first.

The schedule's row is locked while its job, the run and its next time are written, all in one
transaction: a dispatcher that dies leaves either all of it or nothing, and another one that
comes at the same time finds the row locked or not due any more.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.doorbells import Doorbells
from infra.postgres.engine import single_statements, transaction
from infra.postgres.schedules import (
    DueSchedule,
    lock_due_schedule,
    move_on,
    note_run,
    until_next_due,
    was_served,
)
from infra.postgres.tenants import Tenant, get_tenant
from infra.settings import Settings
from infra.telemetry.metrics import JOBS_SUBMITTED
from producer.cron_slots import Service, decide
from producer.schedules import request_of
from producer.submit import Submitter
from producer.unique_submit import Placed, place
from schemas.admission_errors import BudgetExhaustedError
from schemas.errors import DatabaseUnavailableError, InputError
from schemas.generation import Kind
from schemas.ids import format_id
from schemas.job import JobRequest
from schemas.permission_errors import PermissionDeniedError, TenantSuspendedError
from schemas.policy_errors import EndUserSuspendedError
from schemas.queue_errors import DuplicateJobError
from schemas.schedule import ScheduleRun

# What one round serves at most; the next one follows at once.
_ROUND: Final = 200
_AT_ONCE: Final = timedelta(milliseconds=1)
_PAUSE: Final = timedelta(milliseconds=50)
_MOST_REHEARSED: Final = 1000
_MISSED: Final = "missed: no dispatcher ran at this time"
_FAULT: Final = "genq failed to submit the job; the operator finds the reason in the log"

_log: Final = structlog.get_logger()


class _UnrehearsedError(Exception):
    """Gives the row and its connection back: the first draft of its kind needs one itself."""

    def __init__(self, tenant: Tenant, request: JobRequest) -> None:
        super().__init__()
        self.tenant = tenant
        self.request = request


class ScheduleServer:
    """The dispatcher's duty to recurring schedules."""

    def __init__(
        self,
        engine: AsyncEngine,
        settings: Settings,
        doorbells: Doorbells,
        submitter: Submitter,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._doorbells = doorbells
        self._submitter = submitter
        self._rehearsed: set[tuple[Kind, str | None]] = set()

    async def serve(self) -> timedelta | None:
        """Serve what is due; return how long it is to the next time, if any is known."""
        left = await self._until_next()
        if left is None or left > timedelta(0):
            return left
        for _ in range(_ROUND):
            if not await self._serve_next():
                left = await self._until_next()
                # What is due and was not found is in the hands of another dispatcher.
                return None if left is None else max(left, _PAUSE)
        return _AT_ONCE

    async def _until_next(self) -> timedelta | None:
        async with transaction(single_statements(self._engine)) as connection:
            return await until_next_due(connection)

    async def _serve_next(self) -> bool:
        found: DueSchedule | None = None
        try:
            async with transaction(self._engine) as connection:
                found = await lock_due_schedule(connection)
                if found is None:
                    return False
                placed = await self._serve(connection, found)
        except DatabaseUnavailableError:
            raise
        except _UnrehearsedError as first:
            await self._rehearse(first)
            return True
        except Exception:
            # One schedule that fails in a way nobody foresaw must not hold up the others.
            if found is None:
                raise
            _log.exception("schedule_failed", **_names(found))
            await self._pass_over(found.schedule.id)
            return True
        if placed is not None:
            await self._doorbells.ring_all(placed.announce())
        return True

    async def _serve(self, connection: AsyncConnection, found: DueSchedule) -> Placed | None:
        """Write all that the due schedule calls for; return its job, if there is one."""
        schedule = found.schedule
        try:
            service = _decide(found)
        except InputError as error:
            # It was accepted once: the zone is gone. Without a next time it stands still.
            _log.warning("schedule_stopped", **_names(found), reason=error.message)
            await self._move_on(connection, found, Service(None, None, None), error.message)
            return None
        if service.missed is not None:
            run = ScheduleRun(service.missed, None, _MISSED)
            await note_run(connection, schedule.id, run)
            _log.warning("schedule_missed", **_names(found), slot=service.missed.isoformat())
        error, placed = None, None
        if service.slot is not None and not await was_served(
            connection, schedule.id, service.slot
        ):
            run, placed, error = await self._submit(connection, found, service.slot)
            await note_run(connection, schedule.id, run)
        await self._move_on(connection, found, service, error)
        return placed

    async def _submit(
        self, connection: AsyncConnection, found: DueSchedule, slot: datetime
    ) -> tuple[ScheduleRun, Placed | None, str | None]:
        """Write the slot's job; return the run, the new job, and what is wrong, if any."""
        schedule = found.schedule
        try:
            tenant = await get_tenant(connection, schedule.tenant_id)
            request = request_of(schedule)
            if (request.kind, request.model) not in self._rehearsed:
                raise _UnrehearsedError(tenant, request)
            draft = await self._submitter.draft(tenant, request)
            new = replace(draft, schedule_id=schedule.id)
            placed = await place(connection, new, request, self._settings)
        except DuplicateJobError as refusal:
            # Nothing is wrong: that is what a schedule has a unique key for.
            return ScheduleRun(slot, None, refusal.message), None, None
        except (BudgetExhaustedError, EndUserSuspendedError) as refusal:
            # Nothing is wrong with the schedule; a later slot may find room again.
            return ScheduleRun(slot, None, refusal.message), None, None
        except (InputError, PermissionDeniedError, TenantSuspendedError) as refusal:
            _log.warning("schedule_refused", **_names(found), reason=refusal.message)
            return ScheduleRun(slot, None, refusal.message), None, refusal.message
        if placed.holder is not None:
            return ScheduleRun(slot, placed.holder.id, None), None, None
        JOBS_SUBMITTED.labels(request.lane.value, request.kind.value).inc()
        return ScheduleRun(slot, new.id, None), placed, None

    async def _rehearse(self, first: _UnrehearsedError) -> None:
        """Draft once without a row locked: it looks up the model's pool, for good.

        With it locked, dispatchers with few connections would wait for each other.
        """
        try:
            await self._submitter.draft(first.tenant, first.request)
        except DatabaseUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - it is told when the slot itself is served
            _log.debug("schedule_rehearsal_failed", error_type=type(error).__name__)
        if len(self._rehearsed) >= _MOST_REHEARSED:
            self._rehearsed.clear()
        self._rehearsed.add((first.request.kind, first.request.model))

    async def _pass_over(self, schedule_id: UUID) -> None:
        """Let a schedule go on whose job could not be written for a fault of genq."""
        async with transaction(self._engine) as connection:
            found = await lock_due_schedule(connection, only=schedule_id)
            if found is None:
                return
            try:
                service = _decide(found)
            except Exception:  # noqa: BLE001 - then it stands still, and the others go on
                service = Service(found.due, None, None)
            run = ScheduleRun(service.slot or found.due, None, _FAULT)
            await note_run(connection, schedule_id, run)
            await self._move_on(connection, found, service, _FAULT)

    async def _move_on(
        self,
        connection: AsyncConnection,
        found: DueSchedule,
        service: Service,
        error: str | None,
    ) -> None:
        await move_on(
            connection,
            found,
            next_at=service.next_at,
            error=error,
            keep_runs=self._settings.retention,
        )


def _decide(found: DueSchedule) -> Service:
    schedule = found.schedule
    return decide(
        schedule.cron,
        schedule.timezone,
        schedule.catch_up,
        due=found.due,
        now=found.found_at,
    )


def _names(found: DueSchedule) -> dict[str, str]:
    return {
        "schedule_id": format_id("sched", found.schedule.id),
        "schedule": found.schedule.name,
    }

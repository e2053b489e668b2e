"""Recurring schedules as their tenants keep them; the dispatcher serves them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.new_ids import new_key
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.schedules import (
    add_schedule,
    change_schedule,
    database_time,
    get_schedule,
    note_run,
)
from infra.postgres.tenants import Tenant
from producer.cron_slots import next_slot
from producer.submit import Submitted, Submitter
from schemas.errors import FieldError, InputError, NotFoundError
from schemas.ids import format_id
from schemas.job import JobRequest
from schemas.permission_errors import PermissionDeniedError
from schemas.queue_errors import NameTakenError
from schemas.schedule import Schedule, ScheduleChange, ScheduleRequest, ScheduleRun


class Schedules:
    """Makes and changes the schedules of tenants.

    Args:
        engine: Connections; whatever its isolation, these transactions are whole.
        submitter: Judges and submits the schedules' jobs.
    """

    def __init__(self, engine: AsyncEngine, submitter: Submitter) -> None:
        self._engine = whole_transactions(engine)
        self._submitter = submitter

    async def create(self, tenant: Tenant, wanted: ScheduleRequest) -> Schedule:
        """Make a schedule; its first time is the first one after now, by PostgreSQL's clock.

        Raises:
            InputError: The expression, the zone or the request is wrong; each fault is named.
            NameTakenError: The tenant has a schedule of this name.
        """
        await self._check(tenant, wanted.request)
        async with transaction(self._engine) as connection:
            now = await database_time(connection)
            schedule = Schedule(
                id=new_key(),
                tenant_id=tenant.id,
                name=wanted.name,
                cron=wanted.cron,
                timezone=wanted.timezone,
                request=_stored(wanted.request),
                catch_up=wanted.catch_up,
                paused=wanted.paused,
                next_at=_first(wanted.cron, wanted.timezone, now),
                created_at=now,
            )
            created_at = await add_schedule(connection, schedule)
        if created_at is None:
            raise _taken(wanted.name)
        return replace(schedule, created_at=created_at)

    async def change(
        self, tenant: Tenant, schedule_id: UUID, change: ScheduleChange
    ) -> Schedule:
        """Change what is given; a new expression, a new zone and a resume count from now.

        Raises:
            InputError: The expression, the zone or the request is wrong; each fault is named.
            NameTakenError: The tenant has another schedule of this name.
            NotFoundError: The tenant has no such schedule.
        """
        if change.request is not None:
            await self._check(tenant, change.request)
        async with transaction(self._engine) as connection:
            old = await get_schedule(connection, tenant.id, schedule_id, lock=True)
            if old is None:
                raise unknown_schedule(schedule_id)
            new = _changed(old, change, await database_time(connection))
            if not await change_schedule(connection, new):
                raise _taken(new.name)
        return new

    async def trigger(
        self, tenant: Tenant, schedule_id: UUID, *, idempotency_key: str | None
    ) -> Submitted:
        """Submit the schedule's job now, paused or not; its own times stay as they are.

        Raises:
            InputError: The request cannot be submitted any more.
            NotFoundError: The tenant has no such schedule.
        """
        async with transaction(self._engine) as connection:
            schedule = await get_schedule(connection, tenant.id, schedule_id)
        if schedule is None:
            raise unknown_schedule(schedule_id)
        submitted = await self._submitter.submit(
            tenant,
            request_of(schedule),
            idempotency_key=idempotency_key,
            # The key stands for "this schedule, now", whatever its request says by then.
            body_hash=schedule_id.bytes if idempotency_key else b"",
            schedule_id=schedule_id,
        )
        if not submitted.found:
            run = ScheduleRun(submitted.job.created_at, submitted.job.id, None)
            async with transaction(self._engine) as connection:
                await note_run(connection, schedule_id, run)
        return submitted

    async def _check(self, tenant: Tenant, request: JobRequest) -> None:
        faults = [
            FieldError(f"/request/{name}", "must be seconds from each time of the schedule")
            for name in ("run_at", "deadline")
            if isinstance(getattr(request, name), datetime)
        ]
        if faults:
            raise InputError("request: an instant comes once, not each time", fields=faults)
        try:
            await self._submitter.draft(tenant, request)
        except (InputError, PermissionDeniedError) as error:
            fields = [FieldError(f"/request{f.pointer}", f.message) for f in error.fields]
            raise type(error)(f"request: {error.message}", fields=fields) from None


def request_of(schedule: Schedule) -> JobRequest:
    """Return the job that a stored schedule submits.

    Raises:
        InputError: This release does not accept what an earlier one has stored.
    """
    try:
        return JobRequest.model_validate(schedule.request)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        place = "".join(f"/{part}" for part in fault["loc"])
        raise InputError(
            f"the request of schedule {schedule.name!r} is not acceptable any more:"
            f" {place}: {fault['msg']}"
        ) from None


def unknown_schedule(schedule_id: UUID) -> NotFoundError:
    """Return the error that tells of a schedule that the tenant does not have."""
    return NotFoundError(f"there is no schedule {format_id('sched', schedule_id)}")


def _changed(old: Schedule, change: ScheduleChange, now: datetime) -> Schedule:
    given = {
        name: value
        for name, value in change
        if value is not None and not isinstance(value, JobRequest)
    }
    new = replace(old, **given)
    if change.request is not None:
        new = replace(new, request=_stored(change.request), error=None)
    moved = (new.cron, new.timezone) != (old.cron, old.timezone)
    if moved or (old.paused and not new.paused):
        new = replace(new, next_at=_first(new.cron, new.timezone, now), error=None)
    return new


def _first(cron: str, timezone: str, now: datetime) -> datetime:
    found = next_slot(cron, timezone, now)
    if found is None:
        message = f"{cron!r} never comes"
        raise InputError(message, fields=[FieldError("/cron", message)])
    return found


def _stored(request: JobRequest) -> Mapping[str, Any]:
    return request.model_dump(mode="json", exclude_unset=True)


def _taken(name: str) -> NameTakenError:
    message = f"there is a schedule {name!r} already; change it, or choose another name"
    return NameTakenError(message, fields=[FieldError("/name", "is taken")])

"""The routes of recurring schedules: make, list, change, pause, trigger, delete."""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import AwareDatetime, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.engine import transaction
from infra.postgres.schedules import delete_schedule, get_schedule, list_runs, list_schedules
from infra.postgres.tenants import Tenant
from producer.api.bodies import check, encode, read_json
from producer.api.keyset import PRIVATE, page, read_query
from producer.api.pages import DEFAULT_LIMIT, LARGEST_LIMIT
from producer.api.preferences import idempotency_key
from producer.api.services import Services
from producer.schedules import Schedules, unknown_schedule
from schemas.errors import NotFoundError
from schemas.ids import InvalidIdError, parse_id
from schemas.job import job_view
from schemas.schedule import Schedule, ScheduleChange, ScheduleRequest, run_view, schedule_view
from schemas.shape import Shape

_JSON: Final = "application/json"


class SchedulesQuery(Shape):
    """Which page of schedules; ``after`` is the last name of the page before."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=LARGEST_LIMIT)] = DEFAULT_LIMIT
    # PostgreSQL's text cannot hold U+0000.
    after: Annotated[str, Field(max_length=400, pattern=r"^[^\x00]*$")] = ""


class RunsQuery(Shape):
    """Which page of runs; ``after`` is the last slot of the page before."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=LARGEST_LIMIT)] = DEFAULT_LIMIT
    after: AwareDatetime | None = None


async def create_schedule(services: Services, tenant: Tenant, request: Request) -> Response:
    """Make a schedule: 201 with it."""
    body: Any = await read_json(request, services.settings.max_body_bytes)
    made = await _schedules(services).create(tenant, check(ScheduleRequest, body))
    view = schedule_view(made)
    location = f"{services.public_url}/v1/schedules/{view['id']}"
    return Response(encode(view), 201, {"location": location}, _JSON)


async def list_some_schedules(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with one page of the tenant's schedules, by name."""
    query = read_query(SchedulesQuery, request)
    async with transaction(services.engine) as connection:
        # One more than wanted tells whether there is a next page.
        found = await list_schedules(
            connection, tenant.id, limit=query.limit + 1, after=query.after
        )
    shown = found[: query.limit]
    following = shown[-1].name if len(found) > query.limit else None
    return page(services, request, [schedule_view(one) for one in shown], following)


async def show_schedule(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with one schedule."""
    return _answer(await _find(services, tenant, request))


async def list_schedule_runs(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with one page of the times that a schedule served, newest first."""
    query = read_query(RunsQuery, request)
    schedule = await _find(services, tenant, request)
    async with transaction(services.engine) as connection:
        found = await list_runs(
            connection, schedule.id, limit=query.limit + 1, before=query.after
        )
    shown = found[: query.limit]
    following = _cursor(shown[-1].slot) if len(found) > query.limit else None
    return page(services, request, [run_view(run) for run in shown], following)


async def change_schedule(services: Services, tenant: Tenant, request: Request) -> Response:
    """Change what the body gives; answer with the schedule."""
    schedule_id = _id_of(request)
    body: Any = await read_json(request, services.settings.max_body_bytes)
    change = check(ScheduleChange, body)
    return _answer(await _schedules(services).change(tenant, schedule_id, change))


async def pause_schedule(services: Services, tenant: Tenant, request: Request) -> Response:
    """Pause a schedule; to pause it twice is to pause it once."""
    change = ScheduleChange(paused=True)
    return _answer(await _schedules(services).change(tenant, _id_of(request), change))


async def resume_schedule(services: Services, tenant: Tenant, request: Request) -> Response:
    """Let a schedule go on with its next time from now."""
    change = ScheduleChange(paused=False)
    return _answer(await _schedules(services).change(tenant, _id_of(request), change))


async def trigger_schedule(services: Services, tenant: Tenant, request: Request) -> Response:
    """Submit a schedule's job now: 202 with the job."""
    key = idempotency_key(request.headers, "trigger")
    submitted = await _schedules(services).trigger(tenant, _id_of(request), idempotency_key=key)
    view = job_view(submitted.job, services.public_url)
    headers: dict[str, str] = {"location": view["urls"]["get"]}
    if submitted.replayed:
        headers["idempotent-replayed"] = "true"
    if submitted.found:
        headers["unique-replayed"] = "true"
    return Response(encode(view), 202, headers, _JSON)


async def remove_schedule(services: Services, tenant: Tenant, request: Request) -> Response:
    """Delete a schedule; the jobs that it made stay."""
    schedule_id = _id_of(request)
    async with transaction(services.engine) as connection:
        if not await delete_schedule(connection, tenant.id, schedule_id):
            raise unknown_schedule(schedule_id)
    return Response(None, 204)


def _schedules(services: Services) -> Schedules:
    return Schedules(services.engine, services.submitter)


async def _find(services: Services, tenant: Tenant, request: Request) -> Schedule:
    schedule_id = _id_of(request)
    async with transaction(services.engine) as connection:
        found = await get_schedule(connection, tenant.id, schedule_id)
    if found is None:
        raise unknown_schedule(schedule_id)
    return found


def _id_of(request: Request) -> UUID:
    shown: str = request.path_params["schedule_id"]
    try:
        return parse_id("sched", shown)
    except InvalidIdError as error:
        raise NotFoundError(
            f"there is no schedule {shown[:64]}; of a schedule's id: {error}"
        ) from None


def _answer(schedule: Schedule) -> Response:
    return Response(encode(schedule_view(schedule)), 200, PRIVATE, _JSON)


def _cursor(slot: datetime) -> str:
    return slot.isoformat().replace("+00:00", "Z")

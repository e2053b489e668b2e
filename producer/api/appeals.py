"""The routes of those who are judged: appeals of blocked jobs, and reports of results."""

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.appeals import appeal_of
from infra.postgres.appeals import list_appeals as stored_appeals
from infra.postgres.engine import transaction
from infra.postgres.tenants import Tenant
from producer.api.bodies import check, encode, read_json
from producer.api.jobs import find_job
from producer.api.keyset import PRIVATE, page, read_query
from producer.api.pages import DEFAULT_LIMIT, LARGEST_LIMIT
from producer.api.reviews import Word, appeals_of, reach_of
from producer.api.services import Services
from producer.reviews.reports import Reports
from producer.reviews.shown import appeal_view
from schemas.errors import NotFoundError
from schemas.ids import InvalidIdError, format_id, parse_id
from schemas.review import AppealRequest, AppealState, ReportRequest
from schemas.shape import Shape

_JSON: Final = "application/json"


class AppealsQuery(Shape):
    """Which appeals, and which page; ``after`` is the last one of the page before."""

    model_config = ConfigDict(extra="forbid")

    tenant: Word | None = None
    state: Literal["open", "upheld", "overturned"] | None = None
    limit: Annotated[int, Field(ge=1, le=LARGEST_LIMIT)] = DEFAULT_LIMIT
    after: Annotated[str, Field(max_length=40)] | None = None


async def make_appeal(services: Services, tenant: Tenant, request: Request) -> Response:
    """Take an appeal in: 201 with it, or 200 with the one that was made before."""
    body: Any = await read_json(request, services.settings.max_body_bytes)
    said = check(AppealRequest, body)
    job = await find_job(services, tenant, request)
    made, new = await appeals_of(services).add(tenant, job, said.text)
    return Response(encode(appeal_view(made)), 201 if new else 200, PRIVATE, _JSON)


async def show_appeal(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with the appeal of a job."""
    job = await find_job(services, tenant, request)
    async with transaction(services.engine) as connection:
        found = await appeal_of(connection, tenant.id, job.id)
    if found is None:
        raise NotFoundError(f"nobody has appealed {format_id('job', job.id)}")
    return Response(encode(appeal_view(found)), 200, PRIVATE, _JSON)


async def list_appeals(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with one page of appeals, newest first."""
    query = read_query(AppealsQuery, request)
    state = AppealState[query.state.upper()] if query.state else None
    whose = await reach_of(services, tenant, request, query.tenant)
    before = _id_of(query.after) if query.after else None
    async with transaction(services.engine) as connection:
        found = await stored_appeals(
            connection, whose, state, before=before, limit=query.limit + 1
        )
    shown = found[: query.limit]
    following = format_id("apl", shown[-1].id) if len(found) > query.limit else None
    return page(services, request, [appeal_view(one) for one in shown], following)


async def report_job(services: Services, tenant: Tenant, request: Request) -> Response:
    """Take in what is wrong with a job's result: 201 with it."""
    body: Any = await read_json(request, services.settings.max_body_bytes)
    said = check(ReportRequest, body)
    job = await find_job(services, tenant, request)
    made = await Reports(services.engine, services.settings).add(tenant, job, said)
    return Response(encode(made), 201, PRIVATE, _JSON)


def _id_of(shown: str) -> UUID:
    try:
        return parse_id("apl", shown)
    except InvalidIdError as error:
        raise NotFoundError(f"there is no appeal {shown[:64]}; of its id: {error}") from None

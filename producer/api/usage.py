"""The routes of usage: a tenant's own, and for operators everybody's."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from infra.postgres.engine import transaction
from infra.postgres.tenants import Tenant
from producer.api.bodies import encode
from producer.api.keyset import PRIVATE, next_link, read_query
from producer.api.services import Services
from producer.operator import budgets
from producer.usage import UsageReports
from schemas.usage import TenantUsageQuery, UsageQuery

_CSV: Final = "text/csv"


async def show_own_usage(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with what the tenant that asks has used."""
    query = read_query(UsageQuery, request)
    reports = UsageReports(services.reports, services.clock, query, tenant.id)
    return await _answer(services, request, reports)


async def show_usage(services: Services, _tenant: Tenant, request: Request) -> Response:
    """Answer with what any tenant has used, or all of them."""
    query = read_query(TenantUsageQuery, request)
    tenant_id = None
    if query.tenant is not None:
        async with transaction(services.engine) as connection:
            tenant_id = await budgets.tenant_id_of(connection, query.tenant)
    reports = UsageReports(services.reports, services.clock, query, tenant_id, operator=True)
    return await _answer(services, request, reports)


async def _answer(services: Services, request: Request, reports: UsageReports) -> Response:
    if _wants_csv(request, reports.query):
        lines = reports.lines()
        # What is wrong is told before the answer begins.
        first = await anext(lines)
        headers = PRIVATE | {"content-disposition": 'attachment; filename="usage.csv"'}
        body = _whole(first, lines)
        return StreamingResponse(body, 200, headers, "text/csv; charset=utf-8; header=present")
    view, following = await reports.page()
    headers = dict(PRIVATE)
    if following is not None:
        headers["link"] = next_link(services, request, following)
    return Response(encode(view), 200, headers, "application/json")


def _wants_csv(request: Request, query: UsageQuery) -> bool:
    if query.format is not None:
        return query.format == "csv"
    accepted = request.headers.get("accept", "")
    return any(one.partition(";")[0].strip() == _CSV for one in accepted.split(","))


async def _whole(first: bytes, lines: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    async with aclosing(lines):
        yield first
        async for more in lines:
            yield more

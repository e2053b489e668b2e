"""The routes of the audit log: a tenant's own chain, any tenant's, and the installation's."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.audit_log import latest_entries
from infra.postgres.engine import transaction
from infra.postgres.tenants import Tenant
from producer.api.document import answer, parameter, problems
from producer.api.key_operations import TENANT
from producer.api.keys import named_tenant
from producer.api.keyset import page, read_query
from producer.api.operations import Operation
from producer.api.pages import DEFAULT_LIMIT, LARGEST_LIMIT
from producer.api.services import Services
from producer.operator.plans import find
from schemas.audit import INSTALLATION
from schemas.audit_views import audit_view
from schemas.scopes import KeyScope
from schemas.shape import Shape

_Route = Callable[[Services, Tenant, Request], Awaitable[Response]]
_PAGING: Final = [
    parameter(
        "query", "limit", "At most so many.", type="integer", minimum=1, maximum=LARGEST_LIMIT
    ),
    parameter("query", "after", "The cursor of the page before: next.", maxLength=19),
]
_PAGE: Final = {200: answer("One page of entries.", "AuditPage", headers=("Link",))} | problems(
    _400="A query parameter is wrong."
)


class AuditQuery(Shape):
    """Which page; ``after`` is the place of the last entry of the page before."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=LARGEST_LIMIT)] = DEFAULT_LIMIT
    after: Annotated[int, Field(ge=1, lt=1 << 63)] | None = None


async def list_own_audit(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with what was done with the tenant that asks."""
    return await _answer(services, tenant.id, request)


async def list_tenant_audit(services: Services, _tenant: Tenant, request: Request) -> Response:
    """Answer with what was done with any tenant."""
    async with transaction(services.engine) as connection:
        plan = await find(connection, named_tenant(request))
    return await _answer(services, plan.id, request)


async def list_audit(services: Services, _tenant: Tenant, request: Request) -> Response:
    """Answer with what was done with the installation: lanes and models held back."""
    return await _answer(services, INSTALLATION, request)


async def _answer(services: Services, tenant_id: int, request: Request) -> Response:
    query = read_query(AuditQuery, request)
    async with transaction(services.engine) as connection:
        # One more than wanted tells whether there is a next page.
        found = await latest_entries(
            connection, tenant_id, before=query.after, limit=query.limit + 1
        )
    shown = found[: query.limit]
    following = str(shown[-1].seq) if len(found) > query.limit else None
    return page(services, request, [audit_view(entry) for entry in shown], following)


LIST_OWN_AUDIT: Final = Operation(
    name="list_own_audit",
    path="/v1/audit",
    summary="List what was done",
    description="Keys, plan, budgets and many jobs at once: who changed what. Newest first.",
    tag="keys",
    scope=KeyScope.TENANT_READ,
    parameters=_PAGING,
    answers=_PAGE,
)
LIST_TENANT_AUDIT: Final = Operation(
    name="list_tenant_audit",
    path="/v1/admin/tenants/{tenant}/audit",
    summary="List what was done with a tenant",
    description="Newest first. `genq audit verify` tells whether all of it is there.",
    tag="admin",
    scope=KeyScope.ADMIN,
    parameters=[TENANT, *_PAGING],
    answers=_PAGE | problems(_404="There is no such tenant."),
)
LIST_AUDIT: Final = Operation(
    name="list_audit",
    path="/v1/admin/audit",
    summary="List what was done with the installation",
    description="Lanes and models that were paused, drained and resumed. Newest first.",
    tag="admin",
    scope=KeyScope.ADMIN,
    parameters=_PAGING,
    answers=_PAGE,
)

AUDIT_ROUTES: Final[tuple[tuple[Operation, _Route], ...]] = (
    (LIST_OWN_AUDIT, list_own_audit),
    (LIST_TENANT_AUDIT, list_tenant_audit),
    (LIST_AUDIT, list_audit),
)

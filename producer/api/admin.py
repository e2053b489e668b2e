"""The routes of tenants: every one of them for operators, its own for a tenant."""

from typing import Annotated, Any, Final
from urllib.parse import quote

from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from infra.doorbells import DELIVER
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.tenant_plans import TenantPlan, list_plans
from infra.postgres.tenants import Tenant
from infra.sealing import sealer_for
from producer.api.auth import caller_of
from producer.api.bodies import check, encode, read_json
from producer.api.keys import keys_of, named_tenant, optional_json
from producer.api.keyset import PRIVATE, page, read_query
from producer.api.pages import DEFAULT_LIMIT, LARGEST_LIMIT
from producer.api.services import Services
from producer.operator import plans
from schemas.api_key import key_view
from schemas.errors import InputError
from schemas.job import iso_ms
from schemas.shape import Shape
from schemas.tenant_plan import PlanChange
from schemas.tenant_views import TenantRequest
from schemas.webhook_requests import TenantSecretRotation

_JSON: Final = "application/json"
# The secret must not stay in anybody's cache.
_SECRET: Final = {"cache-control": "no-store"}
# PostgreSQL's text cannot hold U+0000.
_Text = Annotated[str, Field(max_length=400, pattern=r"^[^\x00]*$")]


class TenantsQuery(Shape):
    """Which page of tenants; ``after`` is the last name of the page before."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=LARGEST_LIMIT)] = DEFAULT_LIMIT
    after: _Text = ""
    prefix: _Text = ""


async def show_own_tenant(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with the tenant that asks, and with the key that it asks with."""
    async with transaction(services.engine) as connection:
        plan = await plans.find(connection, tenant.name)
    key = await keys_of(services).get(tenant.id, caller_of(request).key_id)
    return _answer({**tenant_view(plan), "key": key_view(key)})


async def list_tenants(services: Services, _tenant: Tenant, request: Request) -> Response:
    """Answer with one page of all tenants, by name."""
    query = read_query(TenantsQuery, request)
    async with transaction(services.engine) as connection:
        # One more than wanted tells whether there is a next page.
        found = await list_plans(
            connection, prefix=query.prefix, after=query.after, limit=query.limit + 1
        )
    shown = found[: query.limit]
    following = shown[-1].name if len(found) > query.limit else None
    return page(services, request, [tenant_view(plan) for plan in shown], following)


async def create_tenant(services: Services, _tenant: Tenant, request: Request) -> Response:
    """Make a tenant: 201 with it; its webhook secret is shown this once."""
    body: Any = await read_json(request, services.settings.max_body_bytes)
    wanted = check(TenantRequest, body)
    made = await plans.create(
        whole_transactions(services.engine),
        wanted.name,
        PlanChange.model_validate(_without_name(wanted)),
        max_inflight=services.settings.tenant_max_inflight,
    )
    view = {**tenant_view(made.plan), "webhook_secret": made.webhook_secret}
    name = quote(made.plan.name, safe="")
    location = f"{services.public_url}/v1/admin/tenants/{name}"
    return Response(encode(view), 201, {**_SECRET, "location": location}, _JSON)


async def show_tenant(services: Services, _tenant: Tenant, request: Request) -> Response:
    """Answer with one tenant."""
    async with transaction(services.engine) as connection:
        return _answer(tenant_view(await plans.find(connection, named_tenant(request))))


async def change_tenant(services: Services, _tenant: Tenant, request: Request) -> Response:
    """Change what the body gives; answer with the tenant."""
    body: Any = await read_json(request, services.settings.max_body_bytes)
    wanted = check(PlanChange, body)
    async with transaction(services.engine) as connection:
        found = await plans.find(connection, named_tenant(request))
    done = await plans.change(
        whole_transactions(services.engine), services.doorbells, found.name, wanted
    )
    return _answer(tenant_view(done.plan))


async def suspend_tenant(services: Services, tenant: Tenant, request: Request) -> Response:
    """Let none of a tenant's keys work; to suspend it twice is to suspend it once."""
    named = named_tenant(request)
    if named == tenant.name:
        raise InputError(
            f"your key belongs to tenant {named}: it would not work any more, not even to "
            "resume it; use a key of another tenant, or: genq tenant suspend"
        )
    engine = whole_transactions(services.engine)
    return _answer(tenant_view(await plans.suspend(engine, named, suspended=True)))


async def resume_tenant(services: Services, _tenant: Tenant, request: Request) -> Response:
    """Let a tenant's keys work again."""
    engine = whole_transactions(services.engine)
    return _answer(
        tenant_view(await plans.suspend(engine, named_tenant(request), suspended=False))
    )


async def rotate_webhook_secret(
    services: Services, _tenant: Tenant, request: Request
) -> Response:
    """Sign a tenant's webhooks with a new secret; it is shown this once."""
    engine = whole_transactions(services.engine)
    wanted = check(TenantSecretRotation, await optional_json(services, request))
    done = await plans.rotate_webhook_secret(
        engine,
        sealer_for(services.settings),
        named_tenant(request),
        grace_seconds=wanted.grace_seconds,
    )
    await services.doorbells.ring(DELIVER)
    view = {
        "object": "webhook_secret",
        "tenant": done.plan.name,
        "webhook_secret": done.webhook_secret,
    }
    return Response(encode(view), 200, _SECRET, _JSON)


def tenant_view(plan: TenantPlan) -> dict[str, Any]:
    """Return the JSON form of a tenant: exactly the fields of ``TenantView``."""
    return {
        "object": "tenant",
        "name": plan.name,
        **plans.plan_fields(plan),
        "in_flight": plan.inflight,
        "paused_at": iso_ms(plan.paused_at) if plan.paused_at else None,
        "suspended_at": iso_ms(plan.suspended_at) if plan.suspended_at else None,
        "created_at": iso_ms(plan.created_at),
    }


def _without_name(wanted: TenantRequest) -> dict[str, Any]:
    return wanted.model_dump(exclude_unset=True, exclude={"name"})


def _answer(view: dict[str, Any]) -> Response:
    return Response(encode(view), 200, PRIVATE, _JSON)

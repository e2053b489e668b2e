"""The routes of registered endpoints: make, list, change, test, delete; secrets and links."""

from datetime import timedelta
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from infra.doorbells import DELIVER
from infra.portal_tokens import PortalTokens
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.tenants import Tenant
from infra.sealing import sealer_for
from producer.api.bodies import check, encode, read_json
from producer.api.keys import optional_json
from producer.api.keyset import PRIVATE, page, read_query
from producer.api.pages import DEFAULT_LIMIT, LARGEST_LIMIT
from producer.api.services import Services
from producer.api.webhook_paths import named_in_path
from producer.webhooks.endpoints import Endpoints
from producer.webhooks.portal import make_link
from producer.webhooks.tenant_secret import TenantSecret, look_at_secret, rotate_own_secret
from producer.webhooks.trial import Trials
from schemas.errors import FieldError, InputError
from schemas.events import SUBSCRIBABLE_TYPES
from schemas.ids import InvalidIdError, format_id, parse_id
from schemas.job import iso_ms
from schemas.shape import Shape
from schemas.webhook_json import KnownEndpoint, endpoint_view, tenant_secret_view, test_view
from schemas.webhook_requests import (
    EndpointChange,
    EndpointDisabling,
    EndpointRequest,
    EndpointTest,
    PortalLinkRequest,
    SecretRotation,
    TenantSecretRotation,
)

_JSON: Final = "application/json"
# Secrets and tokens must not stay in anybody's cache.
_SECRET: Final = {"cache-control": "no-store"}


class EndpointsQuery(Shape):
    """Which page of endpoints; ``after`` is the last endpoint of the page before."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=LARGEST_LIMIT)] = DEFAULT_LIMIT
    after: str | None = None


async def create_endpoint(services: Services, tenant: Tenant, request: Request) -> Response:
    """Make an endpoint: 201 with it and its secret, which is shown this once."""
    body: Any = await read_json(request, services.settings.max_body_bytes)
    wanted = check(EndpointRequest, body)
    known, secret = await _endpoints(services).create(tenant.id, wanted)
    view = endpoint_view(known, services.public_url, secret)
    location = f"{services.public_url}/v1/webhook_endpoints/{view['id']}"
    return Response(encode(view), 201, {**_SECRET, "location": location}, _JSON)


async def list_endpoints(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with one page of the tenant's endpoints, newest first."""
    query = read_query(EndpointsQuery, request)
    before = None if query.after is None else _cursor(query.after)
    # One more than wanted tells whether there is a next page.
    found = await _endpoints(services).page(tenant.id, limit=query.limit + 1, before=before)
    shown = [endpoint_view(one, services.public_url) for one in found[: query.limit]]
    following = shown[-1]["id"] if len(found) > query.limit else None
    return page(services, request, shown, following)


async def show_endpoint(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with one endpoint."""
    return _answer(services, await _endpoints(services).get(tenant.id, _id_of(request)))


async def change_endpoint(services: Services, tenant: Tenant, request: Request) -> Response:
    """Change what the body gives; answer with the endpoint."""
    endpoint_id = _id_of(request)
    body: Any = await read_json(request, services.settings.max_body_bytes)
    change = check(EndpointChange, body)
    changed = await _endpoints(services).change(tenant.id, endpoint_id, change)
    return _answer(services, changed)


async def remove_endpoint(services: Services, tenant: Tenant, request: Request) -> Response:
    """Delete an endpoint and what it is owed; the log of its attempts stays."""
    endpoint_id = _id_of(request)
    await _endpoints(services).delete(tenant.id, endpoint_id)
    view = {
        "id": format_id("whe", endpoint_id),
        "object": "webhook_endpoint.deleted",
        "deleted": True,
    }
    return Response(encode(view), 200, PRIVATE, _JSON)


async def rotate_endpoint_secret(
    services: Services, tenant: Tenant, request: Request
) -> Response:
    """Sign with a new secret; it is shown this once."""
    endpoint_id = _id_of(request)
    wanted = check(SecretRotation, await optional_json(services, request))
    known, secret = await _endpoints(services).rotate(
        tenant.id, endpoint_id, grace_seconds=wanted.grace
    )
    view = endpoint_view(known, services.public_url, secret)
    return Response(encode(view), 200, _SECRET, _JSON)


async def try_endpoint(services: Services, tenant: Tenant, request: Request) -> Response:
    """Send a sample, and answer with what the endpoint answered."""
    endpoint_id = _id_of(request)
    wanted = check(EndpointTest, await optional_json(services, request))
    trials = Trials(services.engine, services.doorbells, services.clock, services.public_url)
    trial = await trials.run(tenant.id, endpoint_id, wanted.event_type)
    view = test_view(trial, endpoint_id, wanted.event_type)
    return Response(encode(view), 200, PRIVATE, _JSON)


async def disable_endpoint(services: Services, tenant: Tenant, request: Request) -> Response:
    """Send nothing more to an endpoint."""
    endpoint_id = _id_of(request)
    wanted = check(EndpointDisabling, await optional_json(services, request))
    disabled = await _endpoints(services).disable(tenant.id, endpoint_id, wanted.reason)
    return _answer(services, disabled)


async def enable_endpoint(services: Services, tenant: Tenant, request: Request) -> Response:
    """Send to an endpoint again."""
    return _answer(services, await _endpoints(services).enable(tenant.id, _id_of(request)))


async def make_portal_link(services: Services, tenant: Tenant, request: Request) -> Response:
    """Make a link for whoever runs an endpoint; its token is shown this once."""
    endpoint_id = _id_of(request)
    wanted = check(PortalLinkRequest, await optional_json(services, request))
    tokens = PortalTokens(services.settings.key_pepper.get_secret_value())
    life = timedelta(seconds=wanted.expires_in)
    link = await make_link(services.engine, tokens, tenant.id, endpoint_id, life=life)
    shown = format_id("whe", endpoint_id)
    view = {
        "object": "webhook_endpoint.portal_link",
        # After the #, browsers keep it to themselves: it is in no log and no referrer.
        "url": f"{services.public_url}/portal/webhooks/{shown}#{link.token}",
        "token": link.token,
        "expires_at": iso_ms(link.expires_at),
    }
    return Response(encode(view), 201, _SECRET, _JSON)


async def revoke_portal_links(services: Services, tenant: Tenant, request: Request) -> Response:
    """Let no link work that was made until now."""
    return _answer(services, await _endpoints(services).void_links(tenant.id, _id_of(request)))


async def list_event_types(_services: Services, _tenant: Tenant, _request: Request) -> Response:
    """Answer with what endpoints can ask for."""
    view = {"object": "list", "data": [one.value for one in SUBSCRIBABLE_TYPES]}
    return Response(encode(view), 200, PRIVATE, _JSON)


async def show_tenant_secret(services: Services, tenant: Tenant, _request: Request) -> Response:
    """Answer with hints of what signs for URLs that come with jobs."""
    async with transaction(whole_transactions(services.engine)) as connection:
        found = await look_at_secret(connection, tenant.id)
    return Response(encode(_secret_view(found)), 200, PRIVATE, _JSON)


async def rotate_tenant_secret(
    services: Services, tenant: Tenant, request: Request
) -> Response:
    """Sign with a new secret for URLs that come with jobs; it is shown this once."""
    wanted = check(TenantSecretRotation, await optional_json(services, request))
    rotated = await rotate_own_secret(
        services.engine,
        sealer_for(services.settings),
        tenant,
        grace_seconds=wanted.grace_seconds,
    )
    await services.doorbells.ring(DELIVER)
    view = {**_secret_view(rotated), "signing_secret": rotated.newest}
    return Response(encode(view), 200, _SECRET, _JSON)


def _endpoints(services: Services) -> Endpoints:
    sealer = sealer_for(services.settings)
    return Endpoints(services.engine, services.doorbells, services.settings, sealer)


def _id_of(request: Request) -> UUID:
    return named_in_path(request, "endpoint_id", "whe")


def _cursor(after: str) -> UUID:
    try:
        return parse_id("whe", after)
    except InvalidIdError:
        fault = FieldError("/query/after", "must be the id of the last endpoint before")
        raise InputError("the query is not acceptable", fields=[fault]) from None


def _answer(services: Services, known: KnownEndpoint) -> Response:
    return Response(encode(endpoint_view(known, services.public_url)), 200, PRIVATE, _JSON)


def _secret_view(found: TenantSecret) -> dict[str, Any]:
    return tenant_secret_view(found.hint, found.former)

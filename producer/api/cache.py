"""The routes of the cache: a tenant's own, and for operators anybody's."""

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.engine import transaction
from infra.postgres.tenants import Tenant
from producer.answer_cache import AnswerCache
from producer.api.bodies import check, encode, read_json
from producer.api.keys import named_tenant
from producer.api.services import Services
from producer.operator.budgets import tenant_id_of
from schemas.cache import CacheChange, CacheClearedView, CacheView


async def show_cache(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with what is kept, and how often it was used."""
    tenant_id, _ = await _owner(services, tenant, request)
    return _answer(await _cache(services).show(tenant_id))


async def change_cache(services: Services, tenant: Tenant, request: Request) -> Response:
    """Switch the use of earlier answers on or off."""
    body = await read_json(request, services.settings.max_body_bytes)
    wanted = check(CacheChange, body)
    tenant_id, name = await _owner(services, tenant, request)
    cache = _cache(services)
    return _answer(await cache.change(tenant_id, name, enabled=wanted.enabled))


async def clear_cache(services: Services, tenant: Tenant, request: Request) -> Response:
    """Forget all that is kept."""
    tenant_id, name = await _owner(services, tenant, request)
    return _answer(await _cache(services).clear(tenant_id, name))


async def _owner(services: Services, tenant: Tenant, request: Request) -> tuple[int, str]:
    """Return whose cache is meant: of the tenant that an operator's path names, or one's own.

    Raises:
        NotFoundError: There is no such tenant.
    """
    if "tenant" not in request.path_params:
        return tenant.id, tenant.name
    name = named_tenant(request)
    async with transaction(services.engine) as connection:
        return await tenant_id_of(connection, name), name


def _cache(services: Services) -> AnswerCache:
    return AnswerCache(services.engine, services.settings)


def _answer(view: CacheView | CacheClearedView) -> Response:
    told = encode(view.model_dump(mode="json"))
    return Response(told, 200, {"cache-control": "private, no-cache"}, "application/json")

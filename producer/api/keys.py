"""The routes of API keys: of the tenant that asks, or of the tenant that an operator names."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import quote
from uuid import UUID

from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.engine import transaction
from infra.postgres.tenants import Tenant
from producer.api.auth import caller_of
from producer.api.bodies import check, encode, read_json
from producer.api.keyset import PRIVATE, page, read_query
from producer.api.pages import DEFAULT_LIMIT, LARGEST_LIMIT
from producer.api.services import Services
from producer.keys import Keys, NewKey
from producer.operator.plans import find
from schemas.api_key import ApiKey, KeyRequest, KeyRotation, key_view
from schemas.errors import FieldError, InputError, NotFoundError
from schemas.ids import InvalidIdError, format_id, parse_id
from schemas.scopes import EVERYTHING, OWN_TENANT, KeyScope
from schemas.shape import Shape

_JSON: Final = "application/json"
# The key must not stay in anybody's cache.
_SECRET: Final = {"cache-control": "no-store"}


class KeysQuery(Shape):
    """Which page of keys; ``after`` is the last key of the page before."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=LARGEST_LIMIT)] = DEFAULT_LIMIT
    after: str | None = None


@dataclass(frozen=True, slots=True)
class _Owner:
    """Whose keys a request is about.

    Attributes:
        path: Of the keys.
        may: What whoever asks can give to a key.
        unless_told: What a key gets if nothing is said.
    """

    tenant_id: int
    path: str
    may: Collection[KeyScope]
    unless_told: Collection[KeyScope]


async def list_keys(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with one page of keys, newest first."""
    query = read_query(KeysQuery, request)
    before = None if query.after is None else _cursor(query.after)
    owner = await _owner(services, tenant, request)
    # One more than wanted tells whether there is a next page.
    found = await keys_of(services).page(owner.tenant_id, limit=query.limit + 1, before=before)
    shown = found[: query.limit]
    following = format_id("key", shown[-1].id) if len(found) > query.limit else None
    return page(services, request, [key_view(key) for key in shown], following)


async def create_key(services: Services, tenant: Tenant, request: Request) -> Response:
    """Make a key: 201 with it; it is shown this once."""
    body: Any = await read_json(request, services.settings.max_body_bytes)
    wanted = check(KeyRequest, body)
    owner = await _owner(services, tenant, request)
    made = await keys_of(services).create(
        owner.tenant_id, wanted, may=owner.may, unless_told=owner.unless_told
    )
    return _made(services, owner, made)


async def show_key(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with one key."""
    key_id = _id_of(request)
    owner = await _owner(services, tenant, request)
    return _answer(await keys_of(services).get(owner.tenant_id, key_id))


async def rotate_key(services: Services, tenant: Tenant, request: Request) -> Response:
    """Make a key in place of another: 201 with it; the other works on for the overlap."""
    key_id = _id_of(request)
    wanted = check(KeyRotation, await optional_json(services, request))
    owner = await _owner(services, tenant, request)
    made = await keys_of(services).rotate(owner.tenant_id, key_id, wanted, may=owner.may)
    return _made(services, owner, made)


async def revoke_key(services: Services, tenant: Tenant, request: Request) -> Response:
    """End a key now; answer with it."""
    key_id = _id_of(request)
    owner = await _owner(services, tenant, request)
    return _answer(await keys_of(services).revoke(owner.tenant_id, key_id, may=owner.may))


def keys_of(services: Services) -> Keys:
    """Return the keys of this installation."""
    pepper = services.settings.key_pepper.get_secret_value()
    return Keys(services.engine, pepper, services.clock)


def named_tenant(request: Request) -> str:
    """Return the tenant that an operator's path names.

    Raises:
        NotFoundError: No tenant can be called so.
    """
    name: str = request.path_params["tenant"]
    if "\x00" in name:
        # PostgreSQL's text cannot hold it.
        raise NotFoundError("there is no tenant of this name: it contains U+0000")
    return name


async def _owner(services: Services, tenant: Tenant, request: Request) -> _Owner:
    if "tenant" not in request.path_params:
        held = caller_of(request).scopes
        return _Owner(tenant.id, "/v1/keys", held, held & OWN_TENANT)
    async with transaction(services.engine) as connection:
        plan = await find(connection, named_tenant(request))
    path = f"/v1/admin/tenants/{quote(plan.name, safe='')}/keys"
    return _Owner(plan.id, path, EVERYTHING, OWN_TENANT)


def _id_of(request: Request) -> UUID:
    shown: str = request.path_params["key_id"]
    try:
        return parse_id("key", shown)
    except InvalidIdError as error:
        raise NotFoundError(
            f"there is no API key {shown[:64]}; of a key's id: {error}"
        ) from None


def _cursor(after: str) -> UUID:
    try:
        return parse_id("key", after)
    except InvalidIdError:
        fault = FieldError("/query/after", "must be the 'next' of the page before")
        raise InputError("the query is not acceptable", fields=[fault]) from None


async def optional_json(services: Services, request: Request) -> Any:
    """Return the body; nothing says the same as an empty object."""
    length = request.headers.get("content-length")
    if length == "0" or (length is None and "transfer-encoding" not in request.headers):
        return {}
    return await read_json(request, services.settings.max_body_bytes)


def _made(services: Services, owner: _Owner, made: NewKey) -> Response:
    view = {**key_view(made.key), "key": made.text}
    location = f"{services.public_url}{owner.path}/{view['id']}"
    return Response(encode(view), 201, {**_SECRET, "location": location}, _JSON)


def _answer(key: ApiKey) -> Response:
    return Response(encode(key_view(key)), 200, PRIVATE, _JSON)

"""The routes of batches: make, look at, list, cancel, and try failed lines again."""

from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.batch_reads import line_faults, list_batches
from infra.postgres.batches import get_batch
from infra.postgres.engine import transaction
from infra.postgres.kept_answers import Call
from infra.postgres.tenants import Tenant
from producer.api.bodies import check, encode, read_json, read_optional_json
from producer.api.keyset import PRIVATE, read_query
from producer.api.preferences import idempotency_key
from producer.api.request_hash import hash_of
from producer.api.services import Services
from producer.batch_desk import BatchDesk, MadeBatch, unknown_batch
from schemas.batch_record import BatchRecord
from schemas.batch_request import BatchRequest, BatchRetry
from schemas.batch_view import batch_view
from schemas.errors import FieldError, InputError, NotFoundError
from schemas.ids import InvalidIdError, format_id, parse_id
from schemas.shape import Shape

DEFAULT_LIMIT: Final = 20
LARGEST_LIMIT: Final = 100
_JSON: Final = "application/json"


class BatchesQuery(Shape):
    """Which page of batches; ``after`` is the id of the last one of the page before."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=LARGEST_LIMIT)] = DEFAULT_LIMIT
    after: Annotated[str, Field(max_length=64)] = ""


async def create_batch(services: Services, tenant: Tenant, request: Request) -> Response:
    """Accept a batch: 200 with it, as OpenAI answers."""
    key = idempotency_key(request.headers, "batches")
    body: Any = await read_json(request, services.settings.max_body_bytes)
    wanted = check(BatchRequest, body)
    made = await _desk(services).create(tenant, wanted, call=_call(tenant, key, body))
    return _made(services, made)


async def list_some_batches(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with one page of the tenant's batches, newest first."""
    query = read_query(BatchesQuery, request)
    async with transaction(services.engine) as connection:
        # One more than wanted tells whether there is a next page.
        found = await list_batches(
            connection, tenant.id, limit=query.limit + 1, before=_cursor(query.after)
        )
    now = services.clock.now()
    data = [batch_view(one, services.public_url, now=now) for one in found[: query.limit]]
    body = {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": len(found) > query.limit,
    }
    return Response(encode(body), 200, PRIVATE, _JSON)


async def show_batch(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with one batch, and why lines of it failed."""
    return await _shown(services, await find_batch(services, tenant, request))


async def cancel_one_batch(services: Services, tenant: Tenant, request: Request) -> Response:
    """Ask that a batch ends: 200 with it; to ask twice is to ask once."""
    batch = await _desk(services).cancel(tenant, batch_id_of(request))
    return await _shown(services, batch)


async def retry_batch(services: Services, tenant: Tenant, request: Request) -> Response:
    """Make a batch of the lines that did not succeed: 200 with it."""
    batch_id = batch_id_of(request)
    key = idempotency_key(request.headers, "batch-retry")
    body: Any = await read_optional_json(request, services.settings.max_body_bytes)
    wanted = check(BatchRetry, body)
    # The same key for another batch is another call.
    call = _call(tenant, key, [format_id("batch", batch_id), body])
    return _made(services, await _desk(services).retry(tenant, batch_id, wanted, call=call))


async def find_batch(services: Services, tenant: Tenant, request: Request) -> BatchRecord:
    """Return the batch that the path names.

    Raises:
        NotFoundError: The tenant has no such batch; nobody learns whether another one has.
    """
    batch_id = batch_id_of(request)
    async with transaction(services.engine) as connection:
        batch = await get_batch(connection, tenant.id, batch_id)
    if batch is None:
        raise unknown_batch(batch_id)
    return batch


def batch_id_of(request: Request) -> UUID:
    """Return the key of the batch that the path names.

    Raises:
        NotFoundError: It names none.
    """
    shown: str = request.path_params["batch_id"]
    try:
        return parse_id("batch", shown)
    except InvalidIdError as error:
        raise NotFoundError(
            f"there is no batch {shown[:64]}; of a batch's id: {error}"
        ) from None


def _desk(services: Services) -> BatchDesk:
    return BatchDesk(services.engine, services.settings)


def _call(tenant: Tenant, key: str | None, body: Any) -> Call | None:
    return None if key is None else Call(tenant.id, key, hash_of(body))


def _cursor(after: str) -> UUID | None:
    if not after:
        return None
    try:
        return parse_id("batch", after)
    except InvalidIdError as error:
        fault = FieldError("/query/after", f"must be the id of a batch: {error}")
        raise InputError("the query is not acceptable", fields=[fault]) from None


async def _shown(services: Services, batch: BatchRecord) -> Response:
    # Nearly always nothing failed: then nobody looks.
    faults = ()
    if batch.failed:
        async with transaction(services.engine) as connection:
            faults = await line_faults(connection, batch.tenant_id, batch.id)
    view = batch_view(batch, services.public_url, now=services.clock.now(), faults=faults)
    return Response(encode(view), 200, PRIVATE, _JSON)


def _made(services: Services, made: MadeBatch) -> Response:
    view = batch_view(made.batch, services.public_url, now=services.clock.now(), faults=())
    headers = {"location": f"{services.public_url}/v1/batches/{view['id']}"}
    if made.replayed:
        headers["idempotent-replayed"] = "true"
    return Response(encode(view), 200, headers, _JSON)

"""The routes of deliveries: list them, look at one, send one again."""

from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import Field, ValidationError, field_validator
from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.delivery_log import get_delivery, list_deliveries
from infra.postgres.endpoints import get_endpoint
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.tenants import Tenant
from producer.api.bodies import encode, field_errors
from producer.api.keyset import PRIVATE, page
from producer.api.pages import DEFAULT_LIMIT, LARGEST_LIMIT
from producer.api.preferences import idempotency_key
from producer.api.services import Services
from producer.api.webhook_paths import endpoint_in_path, named_in_path
from producer.webhooks.resending import SHOWN_ATTEMPTS, Resender, unknown_delivery
from schemas.errors import FieldError, InputError, NotFoundError
from schemas.ids import InvalidIdError, format_id, parse_id
from schemas.webhook_delivery import Delivery, DeliveryFilter
from schemas.webhook_delivery_views import delivery_view, history_view

_JSON: Final = "application/json"
_SEVERAL: Final = "status"


class DeliveriesQuery(DeliveryFilter):
    """What a listing understands; ``after`` is the 'next' of the page before."""

    limit: Annotated[int, Field(ge=1, le=LARGEST_LIMIT)] = DEFAULT_LIMIT
    after: str | None = None

    @field_validator("after", mode="after")
    @classmethod
    def _cursor(cls, value: str | None) -> str | None:
        try:
            return None if value is None else format_id("whd", parse_id("whd", value))
        except InvalidIdError:
            raise ValueError("must be the 'next' of the page before") from None


async def list_all_deliveries(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with one page of the tenant's deliveries, newest first."""
    query = _read_query(request)
    return await _page(services, tenant, request, query, query.endpoint_key)


async def list_endpoint_deliveries(
    services: Services, tenant: Tenant, request: Request
) -> Response:
    """Answer with one page of an endpoint's deliveries, newest first."""
    endpoint_id = named_in_path(request, "endpoint_id", "whe")
    query = _read_query(request)
    if query.endpoint_key not in {None, endpoint_id}:
        fault = FieldError("/query/endpoint_id", "the path names another endpoint")
        raise InputError("the query is not acceptable", fields=[fault])
    async with transaction(services.engine) as connection:
        if await get_endpoint(connection, tenant.id, endpoint_id) is None:
            shown = format_id("whe", endpoint_id)
            raise NotFoundError(f"there is no webhook endpoint {shown}")
    return await _page(services, tenant, request, query, endpoint_id)


async def show_delivery(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with one delivery and its attempts."""
    delivery_id = named_in_path(request, "delivery_id", "whd")
    endpoint_id = endpoint_in_path(request)
    async with transaction(services.engine) as connection:
        found = await get_delivery(connection, tenant.id, delivery_id, attempts=SHOWN_ATTEMPTS)
    if found is None or endpoint_id not in {None, found.delivery.endpoint_id}:
        raise unknown_delivery(delivery_id)
    return Response(encode(history_view(found)), 200, PRIVATE, _JSON)


async def resend_delivery(services: Services, tenant: Tenant, request: Request) -> Response:
    """Owe an event to its receiver again: 202 with what is owed."""
    delivery_id = named_in_path(request, "delivery_id", "whd")
    resender = Resender(
        services.engine,
        services.doorbells,
        idempotency_ttl=services.settings.idempotency_ttl,
    )
    done = await resender.resend(
        tenant,
        delivery_id,
        of_endpoint=endpoint_in_path(request),
        idempotency_key=idempotency_key(request.headers, "resend"),
    )
    view = history_view(done.history)
    headers = {"location": f"{services.public_url}/v1/webhook_deliveries/{view['id']}"}
    if done.replayed:
        headers["idempotent-replayed"] = "true"
    return Response(encode(view), 202, headers, _JSON)


async def deliveries_of(
    services: Services,
    tenant: Tenant,
    wanted: DeliveryFilter,
    *,
    limit: int,
    before: UUID | None = None,
) -> tuple[list[Delivery], bool]:
    """Return up to ``limit`` deliveries that fit, newest first, and whether there are more."""
    # Those of one event are found by way of it, and without a filter the page is at once.
    given = wanted.model_dump(include=set(DeliveryFilter.model_fields), exclude_defaults=True)
    async with (
        services.searches.place(tenant.id, needed=bool(given) and wanted.event_key is None),
        transaction(whole_transactions(services.engine)) as connection,
    ):
        # One more than wanted tells whether there is a next page.
        found = await list_deliveries(
            connection, tenant.id, wanted, limit=limit + 1, before=before
        )
    return found[:limit], len(found) > limit


async def _page(
    services: Services,
    tenant: Tenant,
    request: Request,
    query: DeliveriesQuery,
    endpoint_id: UUID | None,
) -> Response:
    if endpoint_id is not None:
        query = query.model_copy(update={"endpoint_id": format_id("whe", endpoint_id)})
    before = parse_id("whd", query.after) if query.after else None
    found, more = await deliveries_of(services, tenant, query, limit=query.limit, before=before)
    following = format_id("whd", found[-1].id) if more else None
    return page(services, request, [delivery_view(one) for one in found], following)


def _read_query(request: Request) -> DeliveriesQuery:
    """Return the query.

    Raises:
        InputError: It is not acceptable; every fault is named.
    """
    given = request.query_params
    faults = [
        FieldError(f"/query/{name}", "must be given once")
        for name in dict.fromkeys(given)
        if name != _SEVERAL and len(given.getlist(name)) > 1
    ]
    asked: dict[str, Any] = dict(given)
    if _SEVERAL in given:
        words = [word for value in given.getlist(_SEVERAL) for word in value.split(",")]
        asked[_SEVERAL] = tuple(dict.fromkeys(words))
    try:
        query = DeliveriesQuery.model_validate(asked)
    except ValidationError as error:
        faults += [
            FieldError(f"/query{fault.pointer}", fault.message.replace("field", "parameter"))
            for fault in field_errors(error, DeliveriesQuery)
        ]
        raise InputError("the query is not acceptable", fields=faults) from None
    if faults:
        raise InputError("the query is not acceptable", fields=faults)
    return query

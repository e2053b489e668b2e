"""The routes of events: what was sent, to whom; and to delete it."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.delivery_log import get_event
from infra.postgres.endpoints import get_endpoint
from infra.postgres.engine import transaction
from infra.postgres.tenants import Tenant
from producer.api.bodies import encode
from producer.api.keyset import PRIVATE
from producer.api.services import Services
from producer.api.webhook_callers import (
    named_in_path,
    only_endpoint,
    require_whole_tenant,
)
from producer.api.webhook_deliveries import deliveries_of
from producer.webhooks.erasing import erase
from schemas.errors import NotFoundError
from schemas.ids import format_id
from schemas.webhook_delivery import DeliveryFilter
from schemas.webhook_delivery_views import event_view
from schemas.webhooks import Payload

_JSON: Final = "application/json"
_MOST_DELIVERIES: Final = 100


async def show_event(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with an event as it was sent, and with its deliveries."""
    event_id = named_in_path(request, "event_id", "evt")
    only = only_endpoint(request)
    async with transaction(services.engine) as connection:
        event = await get_event(connection, tenant.id, event_id)
        endpoint = only and await get_endpoint(connection, tenant.id, only)
    shown = format_id("evt", event_id)
    unknown = NotFoundError(f"there is no event {shown}")
    if event is None:
        raise unknown
    wanted = DeliveryFilter(
        event_id=shown, endpoint_id=format_id("whe", only) if only else None
    )
    found, more = await deliveries_of(services, tenant, wanted, limit=_MOST_DELIVERIES)
    # A link to one endpoint shows what that endpoint was sent, and nothing else.
    if only is not None and not found:
        raise unknown
    view = event_view(event, found, more=more)
    if endpoint and endpoint.config.payload is Payload.THIN:
        view |= {"body": view["thin_body"] or view["body"], "thin_body": None}
    return Response(encode(view), 200, PRIVATE, _JSON)


async def erase_event_content(services: Services, tenant: Tenant, request: Request) -> Response:
    """Delete what an event says; to do it twice is to do it once."""
    require_whole_tenant(request)
    event_id = named_in_path(request, "event_id", "evt")
    erased = await erase(services.engine, tenant, event_id)
    view = {
        "id": format_id("evt", event_id),
        "object": "webhook_event.content",
        "deleted": True,
        "discarded": erased.discarded,
    }
    return Response(encode(view), 200, None, _JSON)

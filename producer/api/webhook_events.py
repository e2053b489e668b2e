"""The routes of events: what was sent, to whom; and to delete it."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.delivery_log import get_event
from infra.postgres.engine import transaction
from infra.postgres.tenants import Tenant
from producer.api.bodies import encode
from producer.api.keyset import PRIVATE
from producer.api.services import Services
from producer.api.webhook_deliveries import deliveries_of
from producer.api.webhook_paths import named_in_path
from producer.webhooks.erasing import erase
from schemas.errors import NotFoundError
from schemas.ids import format_id
from schemas.webhook_delivery import DeliveryFilter
from schemas.webhook_delivery_views import event_view

_JSON: Final = "application/json"
_MOST_DELIVERIES: Final = 100


async def show_event(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with an event as it was sent, and with its deliveries."""
    event_id = named_in_path(request, "event_id", "evt")
    async with transaction(services.engine) as connection:
        event = await get_event(connection, tenant.id, event_id)
    shown = format_id("evt", event_id)
    if event is None:
        raise NotFoundError(f"there is no event {shown}")
    wanted = DeliveryFilter(event_id=shown)
    found, more = await deliveries_of(services, tenant, wanted, limit=_MOST_DELIVERIES)
    view = event_view(event, found, more=more)
    return Response(encode(view), 200, PRIVATE, _JSON)


async def erase_event_content(services: Services, tenant: Tenant, request: Request) -> Response:
    """Delete what an event says; to do it twice is to do it once."""
    event_id = named_in_path(request, "event_id", "evt")
    erased = await erase(services.engine, tenant, event_id)
    view = {
        "id": format_id("evt", event_id),
        "object": "webhook_event.content",
        "deleted": True,
        "discarded": erased.discarded,
    }
    return Response(encode(view), 200, None, _JSON)

"""The routes of deliveries, events and recoveries: which operation is answered by what."""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.tenants import Tenant
from producer.api import webhook_delivery_operations as told
from producer.api.operations import Operation
from producer.api.services import Services
from producer.api.webhook_deliveries import (
    list_all_deliveries,
    list_endpoint_deliveries,
    resend_delivery,
    show_delivery,
)
from producer.api.webhook_events import erase_event_content, show_event
from producer.api.webhook_recoveries import (
    cancel_recovery,
    list_endpoint_recoveries,
    recover_endpoint,
    show_recovery,
)

_Route = Callable[[Services, Tenant, Request], Awaitable[Response]]

WEBHOOK_DELIVERY_ROUTES: Final[tuple[tuple[Operation, _Route], ...]] = (
    (told.LIST_DELIVERIES, list_all_deliveries),
    (told.SHOW_DELIVERY, show_delivery),
    (told.RESEND_DELIVERY, resend_delivery),
    (told.LIST_ENDPOINT_DELIVERIES, list_endpoint_deliveries),
    (told.SHOW_ENDPOINT_DELIVERY, show_delivery),
    (told.RESEND_ENDPOINT_DELIVERY, resend_delivery),
    (told.SHOW_EVENT, show_event),
    (told.ERASE_EVENT, erase_event_content),
    (told.RECOVER_ENDPOINT, recover_endpoint),
    (told.LIST_RECOVERIES, list_endpoint_recoveries),
    (told.SHOW_RECOVERY, show_recovery),
    (told.CANCEL_RECOVERY, cancel_recovery),
)

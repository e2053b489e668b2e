"""The routes of registered endpoints: which operation is answered by what."""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.tenants import Tenant
from producer.api import webhook_endpoint_operations as told
from producer.api import webhook_endpoints as routes
from producer.api.operations import Operation
from producer.api.services import Services

_Route = Callable[[Services, Tenant, Request], Awaitable[Response]]

WEBHOOK_ENDPOINT_ROUTES: Final[tuple[tuple[Operation, _Route], ...]] = (
    (told.CREATE_ENDPOINT, routes.create_endpoint),
    (told.LIST_ENDPOINTS, routes.list_endpoints),
    (told.SHOW_ENDPOINT, routes.show_endpoint),
    (told.CHANGE_ENDPOINT, routes.change_endpoint),
    (told.DELETE_ENDPOINT, routes.remove_endpoint),
    (told.ROTATE_SECRET, routes.rotate_endpoint_secret),
    (told.TEST_ENDPOINT, routes.try_endpoint),
    (told.DISABLE_ENDPOINT, routes.disable_endpoint),
    (told.ENABLE_ENDPOINT, routes.enable_endpoint),
    (told.MAKE_PORTAL_LINK, routes.make_portal_link),
    (told.REVOKE_PORTAL_LINKS, routes.revoke_portal_links),
    (told.LIST_EVENT_TYPES, routes.list_event_types),
    (told.SHOW_TENANT_SECRET, routes.show_tenant_secret),
    (told.ROTATE_TENANT_SECRET, routes.rotate_tenant_secret),
)

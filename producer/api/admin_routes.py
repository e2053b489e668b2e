"""The routes of tenants and their keys: which operation is answered by what."""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.tenants import Tenant
from producer.api import admin_operations as told
from producer.api import key_operations as keys_told
from producer.api.admin import (
    change_tenant,
    create_tenant,
    list_tenants,
    resume_tenant,
    rotate_webhook_secret,
    show_own_tenant,
    show_tenant,
    suspend_tenant,
)
from producer.api.keys import create_key, list_keys, revoke_key, rotate_key, show_key
from producer.api.model_route_operations import MODEL_ROUTES
from producer.api.operations import Operation
from producer.api.services import Services

_Route = Callable[[Services, Tenant, Request], Awaitable[Response]]

ADMIN_ROUTES: Final[tuple[tuple[Operation, _Route], ...]] = (
    (told.SHOW_OWN_TENANT, show_own_tenant),
    (keys_told.LIST_KEYS, list_keys),
    (keys_told.CREATE_KEY, create_key),
    (keys_told.SHOW_KEY, show_key),
    (keys_told.ROTATE_KEY, rotate_key),
    (keys_told.REVOKE_KEY, revoke_key),
    (told.LIST_TENANTS, list_tenants),
    (told.CREATE_TENANT, create_tenant),
    (told.SHOW_TENANT, show_tenant),
    (told.CHANGE_TENANT, change_tenant),
    (told.SUSPEND_TENANT, suspend_tenant),
    (told.RESUME_TENANT, resume_tenant),
    (told.ROTATE_WEBHOOK_SECRET, rotate_webhook_secret),
    (keys_told.LIST_TENANT_KEYS, list_keys),
    (keys_told.CREATE_TENANT_KEY, create_key),
    (keys_told.SHOW_TENANT_KEY, show_key),
    (keys_told.ROTATE_TENANT_KEY, rotate_key),
    (keys_told.REVOKE_TENANT_KEY, revoke_key),
    *MODEL_ROUTES,
)

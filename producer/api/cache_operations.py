"""The routes of the cache as the OpenAPI document tells of them."""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.tenants import Tenant
from producer.api.cache import change_cache, clear_cache, show_cache
from producer.api.document import answer, problems
from producer.api.json_body import JSON_BODY
from producer.api.key_operations import TENANT
from producer.api.operations import Answers, Operation
from producer.api.services import Services
from schemas.scopes import KeyScope

_Route = Callable[[Services, Tenant, Request], Awaitable[Response]]

_OWN: Final = "/v1/cache"
_ANY: Final = "/v1/admin/tenants/{tenant}/cache"
_SHOWN: Final[Answers] = {200: answer("The cache.", "CacheView")}
_CLEARED: Final[Answers] = {200: answer("It is empty.", "CacheClearedView")}
_UNKNOWN: Final = problems(_404="There is no such tenant.")
_ABOUT: Final = (
    "Identical jobs of a tenant share one answer: see cache of JobRequest. An entry stands for "
    "the output of a job that is stored anyway."
)
_CHANGE: Final = "Holds for new jobs, from some seconds later on. What is kept stays."
_CLEAR: Final = "What is asked next is asked of a model again. No job loses its output."

SHOW_OWN_CACHE: Final = Operation(
    name="get_own_cache",
    path=_OWN,
    summary="Look at the cache",
    description=_ABOUT,
    tag="keys",
    scope=KeyScope.TENANT_READ,
    answers=_SHOWN,
)
CHANGE_OWN_CACHE: Final = Operation(
    name="update_own_cache",
    method="PATCH",
    path=_OWN,
    summary="Switch the cache on or off",
    description=_CHANGE,
    tag="keys",
    scope=KeyScope.TENANT_WRITE,
    body="CacheChange",
    answers=_SHOWN | JSON_BODY,
)
CLEAR_OWN_CACHE: Final = Operation(
    name="clear_own_cache",
    method="DELETE",
    path=_OWN,
    summary="Clear the cache",
    description=_CLEAR,
    tag="keys",
    scope=KeyScope.TENANT_WRITE,
    answers=_CLEARED,
)
SHOW_CACHE: Final = Operation(
    name="get_cache",
    path=_ANY,
    summary="Look at a tenant's cache",
    description=_ABOUT,
    tag="admin",
    scope=KeyScope.ADMIN,
    parameters=[TENANT],
    answers=_SHOWN | _UNKNOWN,
)
CHANGE_CACHE: Final = Operation(
    name="update_cache",
    method="PATCH",
    path=_ANY,
    summary="Switch a tenant's cache on or off",
    description=_CHANGE,
    tag="admin",
    scope=KeyScope.ADMIN,
    parameters=[TENANT],
    body="CacheChange",
    answers=_SHOWN | JSON_BODY | _UNKNOWN,
)
CLEAR_CACHE: Final = Operation(
    name="clear_cache",
    method="DELETE",
    path=_ANY,
    summary="Clear a tenant's cache",
    description=_CLEAR,
    tag="admin",
    scope=KeyScope.ADMIN,
    parameters=[TENANT],
    answers=_CLEARED | _UNKNOWN,
)

CACHE_ROUTES: Final[tuple[tuple[Operation, _Route], ...]] = (
    (SHOW_OWN_CACHE, show_cache),
    (CHANGE_OWN_CACHE, change_cache),
    (CLEAR_OWN_CACHE, clear_cache),
    (SHOW_CACHE, show_cache),
    (CHANGE_CACHE, change_cache),
    (CLEAR_CACHE, clear_cache),
)

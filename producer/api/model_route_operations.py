"""The routes of routes as the OpenAPI document tells of them, and what answers each."""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.convertors import PathConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.tenants import Tenant
from producer.api.document import answer, parameter, problems
from producer.api.json_body import JSON_BODY
from producer.api.model_routes import (
    list_route_versions,
    list_routes,
    patch_route,
    put_route,
    roll_route_back,
    show_route,
    show_route_health,
    switch_server,
)
from producer.api.operations import Operation
from producer.api.pages import DEFAULT_LIMIT, LARGEST_LIMIT
from producer.api.services import Services
from producer.routing.desk import Switch
from schemas.scopes import KeyScope

_Route = Callable[[Services, Tenant, Request], Awaitable[Response]]


class _WholeName(PathConvertor):
    """A model's name with slashes, but not what ends as the path of a part of a route does.

    Else a method that a part lacks would be taken for one of a model called ``x/health``.
    """

    regex = r"(?:(?!/(?:versions|rollback|health|servers/[^/]+/[^/]+)$).)*"


register_url_convertor("route", _WholeName())

_PATH: Final = "/v1/routes/{model:path}"
_ROUTE: Final = "/v1/routes/{model:route}"
_MODEL: Final = parameter("path", "model", "The model's name; it may hold slashes.")
_IF_MATCH: Final = parameter(
    "header",
    "If-Match",
    "The ETag of the version that the change is made of.",
    examples=['"3"'],
)
_UNKNOWN: Final = problems(_404="No configured server offers the model.")
_CHANGED: Final = problems(_412="Another version counts by now.")
_REFUSED: Final = problems(_422="The document is refused: errors[] names each fault.")
_VIEW: Final = {200: answer("The route.", "RouteView", headers=("ETag",))}
_SOON: Final = (
    "Every process goes by it within two seconds; calls under way end where they are."
)

LIST_ROUTES: Final = Operation(
    name="list_routes",
    path="/v1/routes",
    summary="List routes",
    description="How calls of each model find their server.",
    tag="admin",
    scope=KeyScope.ADMIN,
    answers={200: answer("The routes.", "RouteList")},
)
SHOW_ROUTE: Final = Operation(
    name="get_route",
    path=_ROUTE,
    summary="Look at a route",
    description="What was said over the settings, and what counts for each server.",
    tag="admin",
    scope=KeyScope.ADMIN,
    parameters=[_MODEL],
    answers=_VIEW | _UNKNOWN,
)
PUT_ROUTE: Final = Operation(
    name="put_route",
    method="PUT",
    path=_ROUTE,
    summary="Replace a route",
    description=f"The whole document, as a new version. If-Match is needed. {_SOON}",
    tag="admin",
    scope=KeyScope.ADMIN,
    parameters=[_MODEL, _IF_MATCH],
    body="RouteRequest",
    answers=_VIEW | JSON_BODY | _UNKNOWN | _CHANGED | _REFUSED,
)
PATCH_ROUTE: Final = Operation(
    name="patch_route",
    method="PATCH",
    path=_ROUTE,
    summary="Change a route",
    description=f"A JSON Merge Patch (RFC 7396) of the document, as a new version. {_SOON}",
    tag="admin",
    scope=KeyScope.ADMIN,
    parameters=[_MODEL, _IF_MATCH],
    body="RoutePatch",
    answers=_VIEW | JSON_BODY | _UNKNOWN | _CHANGED | _REFUSED,
)
LIST_VERSIONS: Final = Operation(
    name="list_route_versions",
    path=f"{_PATH}/versions",
    summary="List the versions of a route",
    description="Newest first: what was said, by whom, and why.",
    tag="admin",
    scope=KeyScope.ADMIN,
    parameters=[
        _MODEL,
        parameter(
            "query",
            "limit",
            "How many versions.",
            type="integer",
            minimum=1,
            maximum=LARGEST_LIMIT,
            default=DEFAULT_LIMIT,
        ),
        parameter("query", "after", "The 'next' of the page before.", maxLength=10),
    ],
    answers={200: answer("One page of versions.", "RouteVersionPage", headers=("Link",))}
    | problems(_400="A query parameter is wrong.")
    | _UNKNOWN,
)
ROLL_BACK: Final = Operation(
    name="roll_route_back",
    method="POST",
    path=f"{_PATH}/rollback",
    summary="Return to an earlier version of a route",
    description=f"The one before, unless the body names another; 0: the settings. {_SOON}",
    tag="admin",
    scope=KeyScope.ADMIN,
    parameters=[_MODEL, _IF_MATCH],
    body="RollbackRequest",
    body_required=False,
    answers=_VIEW
    | JSON_BODY
    | problems(_404="No such model, or no such version.")
    | _CHANGED
    | _REFUSED,
)
SHOW_HEALTH: Final = Operation(
    name="get_route_health",
    path=f"{_PATH}/health",
    summary="Look at how a model's servers do",
    description="Breakers, calls in flight, seconds, errors: what workers told within the last "
    "ten seconds.",
    tag="admin",
    scope=KeyScope.ADMIN,
    parameters=[_MODEL],
    answers={200: answer("How they do.", "RouteHealthView")} | _UNKNOWN,
)
SWITCH_SERVER: Final = Operation(
    name="switch_route_server",
    method="POST",
    path=f"{_PATH}/servers/{{server}}/{{switch}}",
    summary="Enable, disable or drain a server",
    description=f"For the calls of this model, as a new version of its route. {_SOON}",
    tag="admin",
    scope=KeyScope.ADMIN,
    parameters=[
        _MODEL,
        parameter("path", "server", "The server's configured name."),
        parameter("path", "switch", "What to do.", enum=list(Switch)),
    ],
    answers=_VIEW | problems(_404="No such model, or not on such a server.") | _REFUSED,
)

# The first that fits answers: a model's name may hold slashes.
MODEL_ROUTES: Final[tuple[tuple[Operation, _Route], ...]] = (
    (LIST_ROUTES, list_routes),
    (LIST_VERSIONS, list_route_versions),
    (SHOW_HEALTH, show_route_health),
    (ROLL_BACK, roll_route_back),
    (SWITCH_SERVER, switch_server),
    (SHOW_ROUTE, show_route),
    (PUT_ROUTE, put_route),
    (PATCH_ROUTE, patch_route),
)

"""The routes of routes: how calls of each model find their server, for operators."""

import re
from typing import Annotated, Any, Final, cast

from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.tenants import Tenant
from infra.server_reports import ReportBoard
from producer.api.bodies import check, encode, read_json, read_optional_json
from producer.api.keyset import PRIVATE, page, read_query
from producer.api.pages import DEFAULT_LIMIT, LARGEST_LIMIT
from producer.api.services import Services
from producer.routing.desk import RouteDesk, Shown, Switch
from producer.routing.health import health_view
from schemas.errors import FieldError, InputError, NotFoundError
from schemas.route_views import RollbackRequest, RoutePatch, route_version_view, route_view
from schemas.shape import Shape

_JSON: Final = "application/json"
_TAG: Final = re.compile(r'(?:W/)?"?(\d{1,10})"?')
_ANY: Final = "*"


class VersionsQuery(Shape):
    """Which page; ``after`` is the last version of the page before."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=LARGEST_LIMIT)] = DEFAULT_LIMIT
    after: Annotated[int, Field(ge=1, le=2_000_000_000)] | None = None


async def list_routes(services: Services, _tenant: Tenant, _request: Request) -> Response:
    """Answer with the routes of all models."""
    shown = await desk_of(services).every()
    body = {"object": "list", "data": [route_view(one.route, one.version) for one in shown]}
    return Response(encode(body), 200, PRIVATE, _JSON)


async def show_route(services: Services, _tenant: Tenant, request: Request) -> Response:
    """Answer with one route; its version is the ETag."""
    return _answer(await desk_of(services).get(_model(request)))


async def put_route(services: Services, _tenant: Tenant, request: Request) -> Response:
    """Let another document count."""
    desk = desk_of(services)
    desk.require(_model(request))
    if "if-match" not in request.headers:
        message = (
            "send If-Match with the ETag of the route that this one takes the place of, such "
            'as "3" (a model without one has "0"), or If-Match: * for whichever it is'
        )
        raise InputError(message, fields=[FieldError("", message)])
    expected = _expected(request)
    written, note = await _written(services, request)
    return _answer(await desk.put(_model(request), written, expected=expected, note=note))


async def patch_route(services: Services, _tenant: Tenant, request: Request) -> Response:
    """Change what the body names."""
    expected = _expected(request)
    written, note = await _written(services, request)
    return _answer(
        await desk_of(services).merge(_model(request), written, expected=expected, note=note)
    )


async def list_route_versions(
    services: Services, _tenant: Tenant, request: Request
) -> Response:
    """Answer with one page of versions, newest first."""
    query = read_query(VersionsQuery, request)
    # One more than wanted tells whether there is a next page.
    found = await desk_of(services).versions(
        _model(request), before=query.after, limit=query.limit + 1
    )
    shown = found[: query.limit]
    following = str(shown[-1].version) if len(found) > query.limit else None
    return page(services, request, [route_version_view(one) for one in shown], following)


async def roll_route_back(services: Services, _tenant: Tenant, request: Request) -> Response:
    """Let an earlier version count again."""
    body: Any = await read_optional_json(request, services.settings.max_body_bytes)
    wanted = check(RollbackRequest, body)
    return _answer(
        await desk_of(services).rollback(
            _model(request), wanted.version, expected=_expected(request)
        )
    )


async def switch_server(services: Services, _tenant: Tenant, request: Request) -> Response:
    """Enable, disable or drain one server."""
    named = request.path_params["switch"]
    if named not in set(Switch):
        raise NotFoundError(f"there is no action {named[:32]}; there is {', '.join(Switch)}")
    server: str = request.path_params["server"]
    return _answer(await desk_of(services).switch(_model(request), server, Switch(named)))


async def show_route_health(services: Services, _tenant: Tenant, request: Request) -> Response:
    """Answer with how the servers of a model do."""
    shown = await desk_of(services).get(_model(request))
    async with ReportBoard(services.settings.doorbell_url()) as board:
        reports = await board.read()
    return Response(encode(health_view(shown.route, reports)), 200, PRIVATE, _JSON)


def desk_of(services: Services) -> RouteDesk:
    """Return what looks at and changes routes."""
    return RouteDesk(services.engine, services.settings, services.doorbells)


def _model(request: Request) -> str:
    return request.path_params["model"]


async def _written(services: Services, request: Request) -> tuple[Any, str | None]:
    body: Any = await read_json(request, services.settings.max_body_bytes)
    if not isinstance(body, dict):
        raise InputError("must be an object", fields=[FieldError("", "must be an object")])
    given = cast("dict[str, Any]", body)
    note = check(RoutePatch, {"note": given.get("note")}).note
    return {name: value for name, value in given.items() if name != "note"}, note


def _expected(request: Request) -> int | None:
    told = request.headers.get("if-match")
    if told is None or told.strip() == _ANY:
        return None
    found = _TAG.fullmatch(told.strip())
    if found is None:
        message = 'If-Match must be one ETag of this route, such as "3", or *'
        raise InputError(message, fields=[FieldError("", message)])
    return int(found[1])


def _answer(shown: Shown) -> Response:
    headers = {**PRIVATE, "etag": f'"{shown.route.version}"'}
    return Response(encode(route_view(shown.route, shown.version)), 200, headers, _JSON)

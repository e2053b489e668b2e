"""Routes in requests and answers."""

from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, JsonValue

from schemas.job import iso_ms
from schemas.model_catalog import Price, prices_of
from schemas.route_document import RouteDocument
from schemas.routes import Member, ModelRouteNow
from schemas.routing import Strategy
from schemas.shape import Shape

Note = Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")]


Breaker = Literal["closed", "half_open", "open"]


class RouteRequest(RouteDocument):
    """The body of ``PUT /v1/routes/{model}``: the whole document.

    ``note``: why, for whoever reads the history.
    """

    note: Note | None = None


class RoutePatch(Shape):
    """The body of ``PATCH /v1/routes/{model}``: a JSON Merge Patch of the document.

    What is absent stays, null takes away what is said. ``note``: why.
    """

    model_config = ConfigDict(extra="allow")

    note: Note | None = None
    strategy: JsonValue = None
    servers: JsonValue = None
    fallbacks: JsonValue = None
    capabilities: JsonValue = None


class RollbackRequest(Shape):
    """Which version counts again: 0 is the settings alone; absent, the one before."""

    model_config = ConfigDict(extra="forbid")

    version: Annotated[int, Field(ge=0, le=2_000_000_000, strict=True)] | None = None


class RouteServerView(Shape):
    """What counts for one server. ``takes_calls``: enabled, and not draining."""

    name: str
    takes_calls: bool
    enabled: bool
    draining: bool
    weight: float
    canary: float
    concurrency: int
    price: Price | None
    tags: list[str]
    capabilities: dict[str, Any]


class RouteView(Shape):
    """How calls of one model find their server.

    Version 0 is the settings alone. ``document`` is what was said over them, ``servers`` what
    counts in the end. ``vanished`` are servers that the document names and the settings do not
    have any more: they are ignored.
    """

    object: Literal["route"]
    model: str
    version: int
    strategy: Strategy
    servers: list[RouteServerView]
    document: dict[str, Any]
    vanished: list[str]
    note: str | None
    created_at: str | None
    created_by: str | None


class RouteList(Shape):
    """The routes of all models that are offered."""

    object: Literal["list"]
    data: list[RouteView]


class RouteVersionView(Shape):
    """One version; what it says never changes. ``replaces``: what counted before it."""

    object: Literal["route_version"]
    model: str
    version: int
    replaces: int
    note: str | None
    created_at: str
    created_by: str
    document: dict[str, Any]


class RouteVersionPage(Shape):
    """Versions, newest first."""

    object: Literal["list"]
    data: list[RouteVersionView]
    has_more: bool
    next: str | None


class WorkerHealthView(Shape):
    """What one worker process sees of a server; the fields are those of ``ServerHealthView``.

    ``since``: seconds that its breaker is so; null: since it started. ``limited``: the server
    asked for the pause.
    """

    process: str
    breaker: Breaker
    since: float | None
    cool_down: float
    limited: bool
    in_flight: int
    seconds: float | None
    calls: int
    errors: int


class ServerHealthView(Shape):
    """How a server does, by what workers told within the last ten seconds.

    ``breaker``: the worst that any of them sees; null: none told anything. ``cool_down``:
    seconds until it gets calls again. ``seconds``: a moving average of the model's calls.
    ``calls`` and ``errors``: of all models, in the last five minutes.
    """

    name: str
    takes_calls: bool
    canary: float
    breaker: Breaker | None
    cool_down: float
    in_flight: int
    places: int
    seconds: float | None
    calls: int
    errors: int
    last_error: str | None
    last_error_ago: float | None
    workers: list[WorkerHealthView]


class RouteHealthView(Shape):
    """How the servers of a model do. ``workers``: how many processes told."""

    object: Literal["route_health"]
    model: str
    version: int
    workers: int
    servers: list[ServerHealthView]
    vanished: list[str]


ROUTE_REQUESTS: Final = (RouteRequest, RoutePatch, RollbackRequest)
ROUTE_VIEWS: Final = (RouteView, RouteList, RouteVersionPage, RouteHealthView)


def route_view(route: ModelRouteNow, version: Any) -> dict[str, Any]:
    """Return the JSON form of a route: the fields of ``RouteView``.

    Args:
        route: What counts.
        version: The stored version that says so, if there is one.
    """
    return {
        "object": "route",
        "model": route.model,
        "version": route.version,
        "strategy": route.strategy.value,
        "servers": [_server_view(route, member) for member in route.members.values()],
        "document": dict(version.document) if version else {},
        "vanished": list(route.vanished),
        "note": version.note if version else None,
        "created_at": iso_ms(version.created_at) if version else None,
        "created_by": version.created_by if version else None,
    }


def route_version_view(version: Any) -> dict[str, Any]:
    """Return the JSON form of a version: the fields of ``RouteVersionView``."""
    return {
        "object": "route_version",
        "model": version.model,
        "version": version.version,
        "replaces": version.replaces,
        "note": version.note,
        "created_at": iso_ms(version.created_at),
        "created_by": version.created_by,
        "document": dict(version.document),
    }


def _server_view(route: ModelRouteNow, member: Member) -> dict[str, Any]:
    server = member.server
    said = route.document.servers.get(server.name)
    kinds = [spec.kind for spec in server.models if spec.name == route.model]
    price = next(iter(prices_of([server], route.model, kinds[0])), None)
    return {
        "name": server.name,
        "takes_calls": member.takes,
        "enabled": said.enabled if said else True,
        "draining": said.draining if said else False,
        "weight": server.weight,
        "canary": member.canary,
        "concurrency": server.concurrency,
        "price": price.model_dump(mode="json") if price else None,
        "tags": list(server.tags),
        "capabilities": member.can.model_dump(exclude_none=True),
    }

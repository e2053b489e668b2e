"""What `genq route` prints."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from infra.postgres.routes import RouteVersion
from producer.operator.screen import Screen
from producer.routing.desk import Shown
from schemas.route_views import route_version_view, route_view

_DASH: Final = "-"


def show_routes(screen: Screen, found: Sequence[Shown]) -> None:
    """Print all routes, one a line."""
    views = [route_view(one.route, one.version) for one in found]
    rows = [
        (
            view["model"],
            str(view["version"]) if view["version"] else "settings",
            view["strategy"],
            str(len(view["servers"])),
            _names(one for one in view["servers"] if not one["takes_calls"]),
            _names(one for one in view["servers"] if one["canary"]),
            view["created_by"] or _DASH,
        )
        for view in views
    ]
    headings = ("model", "version", "strategy", "servers", "off", "canaries", "by")
    screen.show(headings, rows, views)


def show_route(screen: Screen, shown: Shown) -> None:
    """Print what counts for each server of a model."""
    view = route_view(shown.route, shown.version)
    rows = [
        (
            server["name"],
            _state(server),
            f"{server['weight']:g}",
            f"{server['canary']:g} %" if server["canary"] else _DASH,
            ", ".join(server["tags"]) or _DASH,
            ", ".join(f"{name} {value}" for name, value in server["capabilities"].items())
            or _DASH,
        )
        for server in view["servers"]
    ]
    screen.show(("server", "state", "weight", "canary", "tags", "can"), rows, [view])
    version = f"version {view['version']}" if view["version"] else "the settings alone"
    why = f"; {view['note']}" if view["note"] else ""
    screen.remark(f"{view['model']}: {version}, {view['strategy']}{why}")
    fallbacks: Mapping[str, Any] = view["document"].get("fallbacks", {})
    for failing, names in fallbacks.items():
        screen.remark(f"after {failing}: {', '.join(names or ()) or 'none'}")
    warn_of_vanished(screen, view)


def warn_of_vanished(screen: Screen, view: Mapping[str, Any]) -> None:
    """Say which servers the document names and the settings do not have."""
    if view["vanished"]:
        screen.remark(f"ignored, as no configured server: {', '.join(view['vanished'])}")


def show_history(screen: Screen, found: Sequence[RouteVersion], counting: int) -> None:
    """Print versions, newest first; the one that counts is marked."""
    views = [route_version_view(one) for one in found]
    rows = [
        (
            f"{view['version']}{' *' if view['version'] == counting else ''}",
            str(view["replaces"]) if view["replaces"] else "settings",
            view["created_at"],
            view["created_by"],
            view["note"] or _DASH,
        )
        for view in views
    ]
    screen.show(("version", "replaced", "created", "by", "note"), rows, views)


def show_health(screen: Screen, view: Mapping[str, Any]) -> None:
    """Print how the servers of a model do."""
    rows = [
        (
            server["name"],
            "yes" if server["takes_calls"] else "no",
            _breaker(server),
            f"{server['in_flight']}/{server['places']}",
            _DASH if server["seconds"] is None else f"{server['seconds']:.2f}",
            str(server["calls"]),
            str(server["errors"]),
            _error(server),
        )
        for server in view["servers"]
    ]
    headings = (
        "server", "calls?", "breaker", "in flight", "seconds", "calls", "errors", "last error",
    )  # fmt: skip
    screen.show(headings, rows, [dict(view)])
    if not view["workers"]:
        screen.remark("no worker has told anything for ten seconds; does one run? genq workers")
    else:
        screen.remark(f"calls and errors of the last 5 minutes, of {view['workers']} workers")
    warn_of_vanished(screen, view)


def _names(servers: Iterable[Mapping[str, Any]]) -> str:
    return ", ".join(one["name"] for one in servers) or _DASH


def _state(server: Mapping[str, Any]) -> str:
    if not server["enabled"]:
        return "disabled"
    return "draining" if server["draining"] else "on"


def _breaker(server: Mapping[str, Any]) -> str:
    if server["breaker"] is None:
        return _DASH
    left = f" {server['cool_down']:.0f} s" if server["cool_down"] else ""
    return f"{server['breaker']}{left}"


def _error(server: Mapping[str, Any]) -> str:
    if server["last_error"] is None:
        return _DASH
    return f"{server['last_error']} {server['last_error_ago']:.0f} s ago"

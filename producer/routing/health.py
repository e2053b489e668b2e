"""How the servers of a model do: what worker processes told of late, put together."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from schemas.routes import Member, ModelRouteNow

_BREAKERS: Final = ("closed", "half_open", "open")

Reports = Sequence[tuple[str, Mapping[str, Any]]]


def health_view(route: ModelRouteNow, reports: Reports) -> dict[str, Any]:
    """Return the JSON form of ``RouteHealthView``. Pure.

    Args:
        route: What counts.
        reports: The fresh ones, each with its process.
    """
    return {
        "object": "route_health",
        "model": route.model,
        "version": route.version,
        "workers": len(reports),
        "servers": [_server(route.model, member, reports) for member in route.members.values()],
        "vanished": list(route.vanished),
    }


def _server(model: str, member: Member, reports: Reports) -> dict[str, Any]:
    name = member.server.name
    told = [(process, report[name]) for process, report in reports if name in report]
    failed = [
        (one["last_error_ago"], one["last_error"])
        for _, one in told
        if one.get("last_error_ago") is not None
    ]
    ago, error = min(failed, default=(None, None))
    return {
        "name": name,
        "takes_calls": member.takes,
        "canary": member.canary,
        # The worst that any worker sees.
        "breaker": max((one["breaker"] for _, one in told), key=_BREAKERS.index, default=None),
        "cool_down": max((one["cool_down"] for _, one in told), default=0.0),
        "in_flight": sum(one["in_flight"] for _, one in told),
        "places": sum(one["places"] for _, one in told),
        "seconds": _mean([one for _, one in told], model),
        "calls": sum(one["calls"] for _, one in told),
        "errors": sum(one["errors"] for _, one in told),
        "last_error": error,
        "last_error_ago": ago,
        "workers": [
            {
                "process": process,
                "breaker": one["breaker"],
                "since": one["since"],
                "cool_down": one["cool_down"],
                "limited": one["limited"],
                "in_flight": one["in_flight"],
                "seconds": one["seconds"].get(model),
                "calls": one["calls"],
                "errors": one["errors"],
            }
            for process, one in told
        ],
    }


def _mean(told: Sequence[Mapping[str, Any]], model: str) -> float | None:
    """Return the mean of the workers' averages, by how many calls each made."""
    weighed = [
        (one["seconds"][model], one["calls"] or 1) for one in told if model in one["seconds"]
    ]
    if not weighed:
        return None
    return round(sum(s * n for s, n in weighed) / sum(n for _, n in weighed), 3)

"""``/control``: set the script, look at the counters, page through the calls."""

from typing import Any, Final

import orjson
from aiohttp import web

from infra.simulator.refusal import MARK, bad_value
from infra.simulator.script import Script
from infra.simulator.serving import Service, read_body, refusing

IDENTITY: Final = "genq development simulator: no real model answers here"
_RECENT: Final = 20
_MAX_PAGE: Final = 5000


def control_routes(service: Service) -> list[web.RouteDef]:
    """Return the routes of ``/control``."""

    async def show(request: web.Request) -> web.StreamResponse:
        del request
        return as_json(_state(service))

    async def direct(request: web.Request) -> web.StreamResponse:
        service.direction.follow(await read_body(request, Script))
        return as_json(_state(service))

    async def reset(request: web.Request) -> web.StreamResponse:
        del request
        service.direction.follow(Script())
        service.calls.reset()
        return as_json(_state(service))

    async def calls(request: web.Request) -> web.StreamResponse:
        since, limit = _number(request, "since", 0), _number(request, "limit", _MAX_PAGE)
        found = service.calls.since(since, min(limit, _MAX_PAGE))
        last = found[-1].seq if found else since
        return as_json({"calls": found, "last": last})

    return [
        web.get("/control", refusing(show)),
        web.put("/control", refusing(direct)),
        web.delete("/control", refusing(reset)),
        web.get("/control/calls", refusing(calls)),
    ]


def as_json(content: Any) -> web.Response:
    """Return an answer in JSON; dataclasses are objects."""
    return web.Response(
        body=orjson.dumps(content), headers=MARK, content_type="application/json"
    )


def _state(service: Service) -> dict[str, Any]:
    direction, calls = service.direction, service.calls
    return {
        "simulator": IDENTITY,
        "latency": direction.latency,
        "latency_jitter": direction.jitter,
        "faults": [
            {
                **armed.fault.model_dump(mode="json", exclude_none=True),
                "seen": armed.seen,
                "served": armed.served,
            }
            for armed in direction.armed
        ],
        "calls": calls.summary(),
        "recent": calls.since(calls.total - _RECENT, _RECENT),
    }


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, str(default))
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise bad_value(name, f"Invalid value for '{name}': it must be a whole number from 0.")
    return number

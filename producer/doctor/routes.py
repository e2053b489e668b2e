"""Do routes lead somewhere, and do the servers that they lead to take calls?"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from infra.doorbells import Doorbells
from infra.safety.opening import asks_others
from infra.server_reports import ReportBoard
from infra.settings import Settings
from producer.doctor.finding import Finding, fine, warning
from producer.doctor.subject import Subject
from producer.routing.desk import RouteDesk, Shown
from producer.routing.health import Reports, health_view

_CHECK: Final = "routes"


async def look_at_routes(subject: Subject) -> list[Finding]:
    """Look at every model's route, and at what workers tell of its servers."""
    settings = subject.settings
    async with Doorbells(settings.doorbell_url()) as doorbells:
        shown = await RouteDesk(subject.engine, settings, doorbells).every()
    async with ReportBoard(settings.doorbell_url()) as board:
        reports = await board.read()
    found = [finding for one in shown for finding in _judge(one, reports)]
    found += _judged_elsewhere(settings, shown)
    changed = sum(1 for one in shown if one.route.version)
    whole = (
        f"{changed} of {len(shown)} models have a route of their own; all servers take calls"
    )
    return found or [fine(_CHECK, whole)]


def _judged_elsewhere(settings: Settings, shown: Sequence[Shown]) -> list[Finding]:
    """Say that a prompt leaves the servers with a tag after all, to be judged."""
    members = [member for one in shown for member in one.route.members.values()]
    tags = sorted({tag for member in members for tag in member.server.tags})
    if not tags or not asks_others(settings):
        return []
    return [
        warning(
            _CHECK,
            f"servers carry tags ({', '.join(tags[:3])}), and a remote detector judges prompts",
            "a job that requires a tag is answered by servers with it alone, but what it says, "
            "and what it makes, is shown to the remote detector",
            "unset GENQ_OPENAI_MODERATION_KEY and GENQ_OPENAI_MODERATION_URL if nobody "
            "else may see it",
        )
    ]


def _judge(shown: Shown, reports: Reports) -> list[Finding]:
    route = shown.route
    found: list[Finding] = []
    if route.vanished:
        found.append(
            warning(
                _CHECK,
                f"{route.model}: its route names {', '.join(route.vanished)}, which is no "
                "configured server",
                "what it says of them counts for nothing",
                f"is the name right? genq route show {route.model}; genq route set",
            )
        )
    if not any(member.takes for member in route.members.values()):
        found.append(
            warning(
                _CHECK,
                f"{route.model}: every server is switched off or drains",
                "its jobs wait, unless another model stands in",
                f"genq route enable {route.model} SERVER, or genq route rollback {route.model}",
            )
        )
    servers: list[Mapping[str, Any]] = health_view(route, reports)["servers"]
    ill = [one for one in servers if one["takes_calls"] and one["breaker"] == "open"]
    found += [_open(route.model, one) for one in ill]
    return found


def _open(model: str, server: Mapping[str, Any]) -> Finding:
    error = f", last {server['last_error']}" if server["last_error"] else ""
    return warning(
        _CHECK,
        f"{model}: {server['name']} is left out for {server['cool_down']:.0f} s more{error}",
        "the model's other servers do its work, if there are any",
        f"genq route health {model}; does it run? genq config check",
    )

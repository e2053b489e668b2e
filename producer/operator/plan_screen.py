"""What operators read of tenants' plans and of limits: tables, or facts for ``--json``."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from infra.postgres.parks import PARKED_FULL, PARKED_PAUSED, PARKED_POOL, PARKED_RATE
from infra.postgres.remaining import LaneStanding, Remaining
from infra.postgres.tenant_plans import TenantPlan
from producer.operator.limits import AccountLimits, Limits, ModelLimits, ServerLimits
from producer.operator.plans import Changed, Standing
from producer.operator.screen import Screen
from schemas.job import iso_ms
from schemas.tenant_plan import RATES

_REASONS: Final = {
    PARKED_FULL: "full",
    PARKED_RATE: "rate",
    PARKED_POOL: "model",
    PARKED_PAUSED: "paused",
}
_NONE: Final = "none"
_DASH: Final = "-"


def show_plans(screen: Screen, plans: Sequence[TenantPlan]) -> None:
    """Print plans, one a line."""
    headings = (
        "tenant", "weight", "in flight", "per lane", "total",
        "requests/min", "images/min", "tokens/min", "paused since",
    )  # fmt: skip
    rows = [
        (
            plan.name,
            str(plan.weight),
            str(plan.inflight),
            str(plan.max_inflight),
            _number(plan.max_inflight_total),
            *(_number(plan.limits.get(name)) for name in RATES),
            _instant(plan.paused_at) or _DASH,
        )
        for plan in plans
    ]
    screen.show(headings, rows, [plan_facts(plan) for plan in plans])


def show_standing(screen: Screen, standing: Standing) -> None:
    """Print all that is known of a tenant; ``--json`` is one object."""
    facts = {
        **plan_facts(standing.plan),
        "left": {name: remaining_facts(name, one) for name, one in standing.left.items()},
        "lanes": [_lane_facts(lane) for lane in standing.lanes],
    }
    if screen.as_json:
        screen.say("", facts)
        return
    show_plans(screen, [standing.plan])
    if standing.left:
        screen.blank()
        headings = ("limit", "allowed", "at once", "left", "full at")
        screen.show(headings, [_left_row(*item)[:-1] for item in standing.left.items()], ())
    screen.blank()
    headings = ("lane", "waiting", "in flight", "held back", "until")
    screen.show(headings, [_lane_row(lane) for lane in standing.lanes], ())


def show_change(screen: Screen, done: Changed) -> None:
    """Print what a change did."""
    told = ", ".join(
        f"{name} {_number(was)} -> {_number(now)}" for name, (was, now) in done.fields.items()
    )
    made = "created" if done.created else ""
    words = "; ".join(part for part in (made, told) if part) or "nothing changed"
    facts = {**plan_facts(done.plan), "created": done.created, "changed": change_facts(done)}
    screen.say(f"tenant {done.plan.name}: {words}", facts)


def show_limits(screen: Screen, limits: Limits) -> None:
    """Print every limit of the model servers, and which models wait for one."""
    if screen.as_json:
        facts = [
            *(_server_facts(server) for server in limits.servers),
            *(_account_facts(account) for account in limits.accounts),
            *(_model_facts(model) for model in limits.models),
        ]
        screen.show((), (), facts)
        return
    rows: list[Sequence[str]] = []
    for server in limits.servers:
        rate = _number(server.requests_per_second)
        closed = _instant(server.closed_until) or _DASH
        name = "requests_per_second"
        rows.append(("server", server.name, name, rate, *[_DASH] * 3, closed))
    for one in limits.accounts:
        named = ("account", one.account.name)
        found = [(*named, *_left_row(*item)) for item in one.left.items()]
        rows += found or [(*named, _NONE, *[_DASH] * 5)]
    headings = ("of", "name", "limit", "allowed", "at once", "left", "full at", "closed until")
    screen.show(headings, rows, ())
    screen.blank()
    models = [_model_row(model) for model in limits.models]
    screen.show(("model", "state", "since or until", "servers"), models, ())


def plan_facts(plan: TenantPlan) -> dict[str, Any]:
    """Return what ``--json`` tells of a plan; a limit that is null is none."""
    return {
        "name": plan.name,
        "weight": plan.weight,
        "max_inflight": plan.max_inflight,
        "max_inflight_total": plan.max_inflight_total,
        "limits": {name: plan.limits.get(name) for name in RATES},
        "paused_since": _instant(plan.paused_at),
        "in_flight": plan.inflight,
    }


def change_facts(done: Changed) -> dict[str, Mapping[str, int | None]]:
    """Return what was changed, per field from what to what."""
    return {name: {"from": was, "to": now} for name, (was, now) in done.fields.items()}


def remaining_facts(name: str, left: Remaining) -> dict[str, Any]:
    """Return what ``--json`` tells of a limit per time."""
    return {
        "allowed": _allowed(name, left),
        "at_once": left.limit.burst,
        "left": left.units,
        "full_at": _instant(left.full_at),
        "closed_until": _instant(left.closed_until),
    }


def _allowed(name: str, left: Remaining) -> int:
    return left.limit.per_minute // (60 if name.endswith("_per_second") else 1)


def _left_row(name: str, left: Remaining) -> tuple[str, ...]:
    return (
        name,
        str(_allowed(name, left)),
        str(left.limit.burst),
        str(left.units),
        _instant(left.full_at) or "now",
        _instant(left.closed_until) or _DASH,
    )


def _lane_facts(lane: LaneStanding) -> dict[str, Any]:
    return {
        "lane": lane.lane.value,
        "waiting": lane.waiting,
        "in_flight": lane.inflight,
        "held_back": _reason(lane),
        "until": _instant(lane.parked_until),
        "lane_paused": lane.lane_paused,
    }


def _lane_row(lane: LaneStanding) -> tuple[str, ...]:
    held = _reason(lane) or ("lane paused" if lane.lane_paused else _DASH)
    counts = (str(lane.waiting), str(lane.inflight))
    return (lane.lane.value, *counts, held, _instant(lane.parked_until) or _DASH)


def _reason(lane: LaneStanding) -> str | None:
    return _REASONS.get(lane.park_reason) if lane.park_reason else None


def _server_facts(server: ServerLimits) -> dict[str, Any]:
    return {
        "what": "server",
        "name": server.name,
        "requests_per_second": server.requests_per_second,
        "closed_until": _instant(server.closed_until),
    }


def _account_facts(one: AccountLimits) -> dict[str, Any]:
    return {
        "what": "account",
        "name": one.account.name,
        "servers": sorted(one.account.servers),
        "models": sorted(one.account.models),
        "limits": {name: remaining_facts(name, left) for name, left in one.left.items()},
    }


def _model_facts(model: ModelLimits) -> dict[str, Any]:
    return {
        "what": "model",
        "name": model.model,
        "state": model.state.value,
        "closed_until": _instant(model.until),
        "paused_since": _instant(model.paused_at),
        "servers": list(model.servers),
    }


def _model_row(model: ModelLimits) -> tuple[str, ...]:
    when = _instant(model.until or model.paused_at) or _DASH
    return (model.model, model.state.value, when, ",".join(model.servers) or "nobody")


def _number(value: int | None) -> str:
    return _NONE if value is None else str(value)


def _instant(at: datetime | None) -> str | None:
    return None if at is None else iso_ms(at)

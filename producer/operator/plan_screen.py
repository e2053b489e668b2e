"""What operators read of tenants' plans: tables, or facts for ``--json``."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, cast

from infra.postgres.parks import PARKED_FULL, PARKED_PAUSED, PARKED_POOL, PARKED_RATE
from infra.postgres.remaining import LaneStanding, Remaining
from infra.postgres.tenant_plans import TenantPlan
from producer.keys import NewKey
from producer.operator.plans import Changed, Standing, plan_fields
from producer.operator.screen import Screen
from schemas.job import iso_ms
from schemas.tenant_plan import OF_RELEASES, RATES, SafetyLevel

_REASONS: Final = {
    PARKED_FULL: "full",
    PARKED_RATE: "rate",
    PARKED_POOL: "model",
    PARKED_PAUSED: "paused",
}
_NONE: Final = "none"
_ANY: Final = "any"
_DASH: Final = "-"


def show_plans(screen: Screen, plans: Sequence[TenantPlan]) -> None:
    """Print plans, one a line."""
    headings = (
        "tenant", "weight", "in flight", "max/lane", "max",
        "req/min", "img/min", "tok/min", "held",
    )  # fmt: skip
    rows = [
        (
            plan.name,
            str(plan.weight),
            str(plan.inflight),
            str(plan.max_inflight),
            number(plan.max_inflight_total),
            *(number(plan.limits.get(name)) for name in RATES),
            _held(plan),
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
    _show_rights(screen, standing.plan)
    if standing.left:
        screen.blank()
        headings = ("limit", "allowed", "at once", "left", "full at")
        screen.show(headings, [left_row(*item)[:-1] for item in standing.left.items()], ())
    screen.blank()
    headings = ("lane", "waiting", "in flight", "held back", "until")
    screen.show(headings, [_lane_row(lane) for lane in standing.lanes], ())


def _show_rights(screen: Screen, plan: TenantPlan) -> None:
    """Print what its jobs and calls may ask for, as far as that is not the usual."""
    usual = (None, SafetyLevel.STANDARD.value)
    rows = [
        (name.replace("_", " "), _value(name, value))
        for name, value in plan_fields(plan).items()
        if name not in OF_RELEASES and value not in usual
    ]
    if rows:
        screen.blank()
        screen.show(("plan", "value"), rows, ())


def show_change(screen: Screen, done: Changed, first_key: NewKey | None = None) -> None:
    """Print what a change did, and the secrets of a tenant that was made: this once."""
    told = ", ".join(
        f"{name} {_value(name, was)} -> {_value(name, now)}"
        for name, (was, now) in done.fields.items()
    )
    made = "created" if done.created else ""
    words = "; ".join(part for part in (made, told) if part) or "nothing changed"
    facts = {**plan_facts(done.plan), "created": done.created, "changed": change_facts(done)}
    lines = [f"tenant {done.plan.name}: {words}"]
    if first_key is not None:
        secrets = {"api_key": first_key.text, "webhook_secret": done.webhook_secret}
        lines += [f"{name.replace('_', ' ')}: {secret}" for name, secret in secrets.items()]
        facts |= secrets
    screen.say("\n".join(lines), facts)
    if first_key is not None:
        screen.remark("both are shown this once: keep them where secrets are kept")


def plan_facts(plan: TenantPlan) -> dict[str, Any]:
    """Return what ``--json`` tells of a plan; a limit that is null is none."""
    return {
        "name": plan.name,
        **{name: value for name, value in plan_fields(plan).items() if name not in RATES},
        "limits": {name: plan.limits.get(name) for name in RATES},
        "paused_since": instant(plan.paused_at),
        "suspended_since": instant(plan.suspended_at),
        "in_flight": plan.inflight,
    }


def change_facts(done: Changed) -> dict[str, Mapping[str, Any]]:
    """Return what was changed, per field from what to what."""
    return {name: {"from": was, "to": now} for name, (was, now) in done.fields.items()}


def remaining_facts(name: str, left: Remaining) -> dict[str, Any]:
    """Return what ``--json`` tells of a limit per time."""
    return {
        "allowed": _allowed(name, left),
        "at_once": left.limit.burst,
        "left": left.units,
        "full_at": instant(left.full_at),
        "closed_until": instant(left.closed_until),
    }


def _allowed(name: str, left: Remaining) -> int:
    return left.limit.per_minute // (60 if name.endswith("_per_second") else 1)


def left_row(name: str, left: Remaining) -> tuple[str, ...]:
    """Return a limit's name, what it allows, at once, what is left, full when, closed until."""
    return (
        name,
        str(_allowed(name, left)),
        str(left.limit.burst),
        str(left.units),
        instant(left.full_at) or "now",
        instant(left.closed_until) or _DASH,
    )


def _lane_facts(lane: LaneStanding) -> dict[str, Any]:
    return {
        "lane": lane.lane.value,
        "waiting": lane.waiting,
        "in_flight": lane.inflight,
        "held_back": _reason(lane),
        "until": instant(lane.parked_until),
        "lane_paused": lane.lane_paused,
    }


def _lane_row(lane: LaneStanding) -> tuple[str, ...]:
    held = _reason(lane) or ("lane paused" if lane.lane_paused else _DASH)
    counts = (str(lane.waiting), str(lane.inflight))
    return (lane.lane.value, *counts, held, instant(lane.parked_until) or _DASH)


def _reason(lane: LaneStanding) -> str | None:
    return _REASONS.get(lane.park_reason) if lane.park_reason else None


def _held(plan: TenantPlan) -> str:
    held = {"paused": plan.paused_at, "suspended": plan.suspended_at}
    return ", ".join(f"{how} {iso_ms(at)}" for how, at in held.items() if at) or _DASH


def _value(name: str, value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, cast("list[object]", value))) or "nothing"
    if value is None and name.startswith("allowed_"):
        return _ANY
    return _NONE if value is None else str(value)


def number(value: int | None) -> str:
    """Return a limit for a person."""
    return _NONE if value is None else str(value)


def instant(at: datetime | None) -> str | None:
    """Return an instant as JSON has it."""
    return None if at is None else iso_ms(at)

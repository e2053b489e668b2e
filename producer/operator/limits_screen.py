"""What operators read of model servers' limits: tables, or facts for ``--json``."""

from collections.abc import Sequence
from typing import Any, Final

from infra.postgres.remaining import Remaining
from producer.operator.limits import AccountLimits, Limits, ModelLimits, ServerLimits
from producer.operator.plan_screen import instant, left_row, remaining_facts
from producer.operator.screen import Screen

_DASH: Final = "-"
_PER: Final = {"_per_second": "/s", "_per_minute": "/min"}


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
    rows = [
        *(row for server in limits.servers for row in _server_rows(server)),
        *(row for account in limits.accounts for row in _account_rows(account)),
    ]
    headings = ("of", "name", "limit", "allows", "burst", "left now", "full at")
    if rows:
        screen.show(headings, rows, ())
        screen.blank()
    else:
        screen.remark("no model server has a limit per time")
    models = [_model_row(model) for model in limits.models]
    screen.show(("model", "state", "since or until", "servers"), models, ())


def unit_of(name: str) -> str:
    """Return ``images_per_minute`` as people write it, ``images/min``."""
    for ending, short in _PER.items():
        if name.endswith(ending):
            return name.removesuffix(ending) + short
    return name


def limit_cells(name: str, left: Remaining) -> tuple[str, ...]:
    """Return a limit, what it allows, at once, what is left of it, and when it is full."""
    unit, allowed, burst, now, full, _ = left_row(name, left)
    return (unit_of(unit), allowed, burst, now, full)


def _server_rows(server: ServerLimits) -> list[Sequence[str]]:
    named = ("server", server.name)
    rows: list[Sequence[str]] = []
    if server.requests_per_second is not None:
        rate = str(server.requests_per_second)
        rows.append((*named, "requests/s", rate, rate, _DASH, _DASH))
    if server.closed_until is not None:
        rows.append(
            (*named, "takes no calls", *[_DASH] * 3, instant(server.closed_until) or "")
        )
    return rows


def _account_rows(one: AccountLimits) -> list[Sequence[str]]:
    named = ("account", one.account.name)
    rows: list[Sequence[str]] = []
    for name, left in one.left.items():
        rows.append((*named, *limit_cells(name, left)))
        if left.closed_until is not None:
            until = instant(left.closed_until) or ""
            rows.append((*named, "takes no calls", *[_DASH] * 3, until))
    return rows


def _server_facts(server: ServerLimits) -> dict[str, Any]:
    return {
        "what": "server",
        "name": server.name,
        "requests_per_second": server.requests_per_second,
        "closed_until": instant(server.closed_until),
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
        "closed_until": instant(model.until),
        "paused_since": instant(model.paused_at),
        "servers": list(model.servers),
    }


def _model_row(model: ModelLimits) -> tuple[str, ...]:
    when = instant(model.until or model.paused_at) or _DASH
    return (model.model, model.state.value, when, ",".join(model.servers) or "nobody")

"""Which model servers share an account, as far as genq can tell, and what it may use. Pure.

Servers that offer a model in common, directly or over others, form one account: a release does
not know yet which of them will do the work. Its limit is the sum of theirs, or none if one of
them has none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from schemas.model_catalog import ModelServer

UNITS: Final = ("requests", "images", "tokens")
# Calls are requests again, counted per second: the gate holds each of them to its instant, and
# so many seconds' worth are released ahead of it.
CALLS: Final = "calls"


@dataclass(frozen=True, slots=True)
class ModelAccount:
    """Servers that share models, the models, and what they may use together.

    Attributes:
        per_minute: Unit to allowance, for units that are limited.
        per_second: Requests, if all servers limit them per second.
    """

    name: str
    servers: frozenset[str]
    models: frozenset[str]
    per_minute: Mapping[str, int]
    per_second: int | None = None


def limit_key(owner: str, unit: str) -> str:
    """Return a limiter's key, such as ``account:painter:tokens`` or ``tenant:7:images``."""
    return f"{owner}:{unit}"


def account_owner(account: ModelAccount) -> str:
    """Return how limiters name the account."""
    return f"account:{account.name}"


def tenant_owner(tenant_id: int) -> str:
    """Return how limiters name a tenant."""
    return f"tenant:{tenant_id}"


@lru_cache(maxsize=4)
def accounts_of(servers: tuple[ModelServer, ...]) -> tuple[ModelAccount, ...]:
    """Return the accounts that the servers form."""
    groups: list[list[ModelServer]] = []
    for server in servers:
        models = {spec.name for spec in server.models}
        joined = [g for g in groups if any(models & {s.name for s in o.models} for o in g)]
        merged = [one for group in joined for one in group] + [server]
        groups = [group for group in groups if group not in joined] + [merged]
    return tuple(_account(group) for group in groups)


def _account(servers: Sequence[ModelServer]) -> ModelAccount:
    per_minute: dict[str, int] = {}
    for unit in UNITS:
        each = [getattr(server.limits, f"{unit}_per_minute") for server in servers]
        if all(each):
            per_minute[unit] = sum(each)
    seconds = [server.limits.requests_per_second for server in servers]
    return ModelAccount(
        "+".join(sorted(server.name for server in servers)),
        frozenset(server.name for server in servers),
        frozenset(spec.name for server in servers for spec in server.models),
        per_minute,
        sum(second or 0 for second in seconds) if all(seconds) else None,
    )

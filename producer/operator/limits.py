"""What model servers and their accounts allow now, and which models wait for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.capacity import Capacity, PoolState, capacity
from infra.postgres.pools import list_pools
from infra.postgres.remaining import Remaining, database_time, remaining
from producer.dispatcher.accounts import CALLS, Account, Catalogue, catalogue_of
from schemas.model_catalog import ModelServer


class ModelState(StrEnum):
    """Whether jobs of a model are released."""

    OPEN = "open"
    PAUSED = "paused"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """A model server; ``closed_until`` if it said that it takes no calls."""

    name: str
    requests_per_second: int | None
    closed_until: datetime | None


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """Servers that offer a model in common, and what they may use together.

    Attributes:
        left: By the limit's name, such as ``images_per_minute``; empty: no limit.
    """

    account: Account
    left: Mapping[str, Remaining]


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """A model that is offered, or that jobs were submitted for.

    Attributes:
        servers: Names of those that can serve it, over its fallbacks too.
        until: When it opens again, if it is closed; looked at then, it may have to wait on.
        paused_at: Since when an operator holds it back.
    """

    model: str
    state: ModelState
    servers: tuple[str, ...]
    until: datetime | None
    paused_at: datetime | None


@dataclass(frozen=True, slots=True)
class Limits:
    """All of it, each by name."""

    servers: tuple[ServerLimits, ...]
    accounts: tuple[AccountLimits, ...]
    models: tuple[ModelLimits, ...]


_UNMADE: Final = -1


async def look(connection: AsyncConnection, servers: tuple[ModelServer, ...]) -> Limits:
    """Return what the limits of the configured servers allow, as a dispatcher sees them."""
    catalogue = catalogue_of(servers)
    now = await database_time(connection)
    seen = await capacity(connection, catalogue.keys)
    accounts = sorted(catalogue.accounts, key=lambda account: account.name)
    limits = [limit for one in accounts for limit in one.budget.limits.values()]
    left = await remaining(connection, limits)
    return Limits(
        tuple(_server(server, seen, now) for server in _by_name(servers)),
        tuple(
            AccountLimits(
                account,
                {_name(unit): left[limit.key] for unit, limit in account.budget.limits.items()},
            )
            for account in accounts
        ),
        await _models(connection, catalogue, seen, now),
    )


def _name(unit: str) -> str:
    return "requests_per_second" if unit == CALLS else f"{unit}_per_minute"


async def _models(
    connection: AsyncConnection, catalogue: Catalogue, seen: Capacity, now: datetime
) -> tuple[ModelLimits, ...]:
    paused = {pool.model: pool.paused_at for pool in await list_pools(connection)}
    known = {pool.model for pool in seen.pools}
    # A model that nobody asked for yet has no pool; it waits like one that has.
    unmade = [
        PoolState(_UNMADE - number, model)
        for number, model in enumerate(sorted(catalogue.offers.keys() - known))
    ]
    pools = (*seen.pools, *unmade)
    closed = catalogue.closed(replace(seen, pools=pools))
    return tuple(
        _model(
            pool,
            tuple(sorted(catalogue.offers.get(pool.model, ()))),
            paused.get(pool.model),
            now + timedelta(seconds=closed[pool.id]) if pool.id in closed else None,
        )
        for pool in sorted(pools, key=lambda pool: pool.model)
    )


def _model(
    pool: PoolState,
    servers: tuple[str, ...],
    paused_at: datetime | None,
    until: datetime | None,
) -> ModelLimits:
    if pool.paused:
        # A pause ends when an operator says so.
        return ModelLimits(pool.model, ModelState.PAUSED, servers, None, paused_at)
    state = ModelState.OPEN if until is None else ModelState.CLOSED
    return ModelLimits(pool.model, state, servers, until, None)


def _server(server: ModelServer, seen: Capacity, now: datetime) -> ServerLimits:
    seconds = (seen.waits or {}).get(f"server:{server.name}")
    return ServerLimits(
        server.name,
        server.limits.requests_per_second,
        None if seconds is None else now + timedelta(seconds=seconds),
    )


def _by_name(servers: Sequence[ModelServer]) -> list[ModelServer]:
    return sorted(servers, key=lambda server: server.name)

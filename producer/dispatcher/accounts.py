"""What limits the release of a model's jobs: its account, its servers, an operator. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from infra.postgres.capacity import Capacity, PoolState
from infra.postgres.limits import Limit
from infra.postgres.parks import LONGEST_PARK
from schemas.generation import Kind
from schemas.model_accounts import (
    CALLS,
    UNITS,
    ModelAccount,
    account_owner,
    accounts_of,
    limit_key,
    tenant_owner,
)
from schemas.model_catalog import ModelServer
from schemas.routes import Routes

_SECONDS_AHEAD = 2
# All servers of a model are switched off: so soon it is looked whether they still are.
_OFF = 2.0
# What a limit per unit concerns; a request is a request.
_UNIT_KINDS: Mapping[str, frozenset[Kind]] = {
    "requests": frozenset(Kind),
    CALLS: frozenset(Kind),
    "images": frozenset(kind for kind in Kind if kind.pictures),
    "tokens": frozenset(kind for kind in Kind if not kind.pictures),
}


@dataclass(frozen=True, slots=True)
class Budget:
    """The limits per time of one owner, by unit; ``owner`` is a tenant or an account."""

    owner: int
    limits: Mapping[str, Limit]


@dataclass(frozen=True, slots=True)
class Account:
    """An account and what is left of its limits."""

    name: str
    servers: frozenset[str]
    models: frozenset[str]
    budget: Budget


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The configured servers as a dispatcher sees them.

    Attributes:
        offers: Model to the servers that can serve it, those of its fallbacks included.
        kinds: Model to its kinds.
        keys: Every limiter that ``capacity`` should look at.
    """

    accounts: tuple[Account, ...]
    offers: Mapping[str, frozenset[str]]
    kinds: Mapping[str, frozenset[Kind]]
    keys: tuple[str, ...]

    def account_of(self, model: str) -> Account | None:
        """Return the account whose limits a job of this model uses up."""
        return next((one for one in self.accounts if model in one.models), None)

    def limited(self) -> list[Account]:
        """Return the accounts that have a limit."""
        return [account for account in self.accounts if account.budget.limits]

    def closed(self, now: Capacity, routes: Routes | None = None) -> dict[int, float]:
        """Return the pools that take nothing now, and for how many seconds at most.

        Args:
            now: What PostgreSQL says of them.
            routes: What operators say of their servers.
        """
        waits = now.waits or {}
        found = {pool.id: self._wait(pool, waits, routes) for pool in now.pools}
        if routes is not None and routes.documents:
            off = {pool.id: _OFF for pool in now.pools if routes.closed(pool.model)}
            found |= {pool: max(found[pool], seconds) for pool, seconds in off.items()}
        return {pool: seconds for pool, seconds in found.items() if seconds > 0}

    def _wait(
        self, pool: PoolState, waits: Mapping[str, float], routes: Routes | None
    ) -> float:
        if pool.paused:
            return LONGEST_PARK.total_seconds()
        if not waits:
            return 0.0
        servers = self.offers.get(pool.model, frozenset[str]())
        if routes is not None and pool.model in routes.documents:
            servers = routes.reached(pool.model)
        reopens = min((waits.get(f"server:{name}", 0.0) for name in servers), default=0.0)
        account = self.account_of(pool.model)
        if account is None:
            return reopens
        kinds = self.kinds.get(pool.model, frozenset())
        rooms = [
            waits.get(limit.key, 0.0)
            for unit, limit in account.budget.limits.items()
            if _UNIT_KINDS[unit] & kinds
        ]
        return max(reopens, *rooms) if rooms else reopens


@lru_cache(maxsize=4)
def catalogue_of(servers: tuple[ModelServer, ...]) -> Catalogue:
    """Return the catalogue of the configured servers."""
    found = accounts_of(servers)
    accounts = tuple(_account(number, account) for number, account in enumerate(found))
    own: dict[str, set[str]] = {}
    kinds: dict[str, set[Kind]] = {}
    fallbacks: dict[str, set[str]] = {}
    for server in servers:
        for spec in server.models:
            own.setdefault(spec.name, set()).add(server.name)
            kinds.setdefault(spec.name, set()).add(spec.kind)
            fallbacks.setdefault(spec.name, set()).update(spec.fallbacks)
    offers = {
        model: frozenset(names.union(*(own.get(other, set()) for other in fallbacks[model])))
        for model, names in own.items()
    }
    keys = [f"server:{server.name}" for server in servers]
    keys += [limit.key for account in accounts for limit in account.budget.limits.values()]
    return Catalogue(
        accounts,
        offers,
        {model: frozenset(found) for model, found in kinds.items()},
        tuple(keys),
    )


def tenant_budget(tenant_id: int, plan: Mapping[str, int]) -> Budget:
    """Return the budget that a tenant's plan gives it."""
    limits = {
        unit: Limit(limit_key(tenant_owner(tenant_id), unit), plan[f"{unit}_per_minute"])
        for unit in UNITS
        if plan.get(f"{unit}_per_minute")
    }
    return Budget(tenant_id, limits)


def _account(number: int, account: ModelAccount) -> Account:
    owner = account_owner(account)
    limits = {
        unit: Limit(limit_key(owner, unit), allowed)
        for unit, allowed in account.per_minute.items()
    }
    rate = account.per_second
    if rate:
        limits[CALLS] = Limit(limit_key(owner, CALLS), 60 * rate, _SECONDS_AHEAD * rate)
    return Account(account.name, account.servers, account.models, Budget(number, limits))

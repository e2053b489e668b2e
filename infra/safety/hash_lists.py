"""The block lists as a process knows them: loaded once, looked at again every few seconds."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.clock import Clock
from infra.postgres.engine import transaction
from infra.postgres.hash_lists import EVERYBODY, HashList, all_lists, entries_of
from infra.safety.hash_table import Entry, HashTable
from schemas.errors import DatabaseUnavailableError
from schemas.hash_list import Algorithm
from schemas.policy import Policy
from schemas.tenant_plan import SafetyLevel

FRESH_SECONDS: Final = 3.0
"""For how long a process may not know of what was put on a list."""

_log: Final = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Listed:
    """The lists of one tenant, and all that is on them: a ``Hit``'s place is a list's."""

    lists: Sequence[HashList]
    table: HashTable


class KnownLists(Protocol):
    """Who knows block lists."""

    def of(self, tenant_id: int) -> Sequence[Listed]:
        """Return what counts for a tenant."""
        ...


class HashLists:
    """Knows the lists of the installation, and those of tenants that were asked for.

    Args:
        engine: Where lists are stored.
        clock: Measures how old what is known is.
    """

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._looked_at: float | None = None
        self._looking = asyncio.Lock()
        self._stored: Mapping[int, Sequence[HashList]] = {}
        self._loaded: dict[int, Listed] = {}

    def of(self, tenant_id: int) -> Sequence[Listed]:
        """Return what counts for a tenant, as of the last ``look``."""
        whose = (EVERYBODY, tenant_id)
        return [self._loaded[one] for one in dict.fromkeys(whose) if one in self._loaded]

    async def look(self, tenant_id: int) -> None:
        """See to it that what counts for a tenant is known, as of three seconds ago at most.

        While PostgreSQL cannot be reached, what is known goes on to count.

        Raises:
            DatabaseUnavailableError: It cannot be reached, and nothing is known yet.
        """
        if not self._is_stale() and not self._missing(tenant_id):
            return
        if self._looking.locked() and not self._missing(tenant_id):
            # Somebody else looks already; what is known is nearly as good.
            return
        async with self._looking:
            try:
                await self._refresh(tenant_id)
            except DatabaseUnavailableError as error:
                if self._missing(tenant_id):
                    raise
                _log.warning("hash_lists_not_refreshed", error=error.message)
                self._looked_at = self._clock.monotonic()

    def _is_stale(self) -> bool:
        at = self._looked_at
        return at is None or self._clock.monotonic() - at >= FRESH_SECONDS

    def _missing(self, tenant_id: int) -> bool:
        if self._looked_at is None:
            return True
        return any(self._outdated(whose) for whose in (EVERYBODY, tenant_id))

    def _outdated(self, whose: int) -> bool:
        stored, loaded = self._stored.get(whose), self._loaded.get(whose)
        return stored is not None and (loaded is None or loaded.lists != stored)

    async def _refresh(self, tenant_id: int) -> None:
        async with transaction(self._engine) as connection:
            if self._is_stale():
                stored: dict[int, list[HashList]] = {}
                for one in await all_lists(connection):
                    stored.setdefault(one.tenant_id, []).append(one)
                self._stored = stored
                # What only changed stays until it is replaced: meanwhile it goes on to count.
                for whose in self._loaded.keys() - stored.keys():
                    del self._loaded[whose]
                self._looked_at = self._clock.monotonic()
            for whose in {EVERYBODY, tenant_id}:
                if self._outdated(whose):
                    lists = self._stored[whose]
                    entries = await _entries(connection, lists)
                    table = await asyncio.to_thread(HashTable, entries)
                    self._loaded[whose] = Listed(lists, table)


async def _entries(connection: AsyncConnection, lists: Sequence[HashList]) -> list[Entry]:
    return [
        Entry(place, Algorithm(entry.algorithm), entry.hash)
        for place, one in enumerate(lists)
        async for found in entries_of(connection, one.id)
        for entry in found
        if entry.algorithm in _KNOWN
    ]


_KNOWN: Final = frozenset(Algorithm)


class PolicySource(Protocol):
    """Who knows what counts for a tenant."""

    async def of(self, tenant_id: int, level: SafetyLevel) -> Policy:
        """Return it."""
        ...


class ListedPolicies:
    """Policies, and with each that is asked for the lists that count beside it.

    Detectors are arithmetic and cannot ask for lists; whoever judges asks for a policy first.
    """

    def __init__(self, policies: PolicySource, lists: HashLists) -> None:
        self._policies = policies
        self._lists = lists

    async def of(self, tenant_id: int, level: SafetyLevel) -> Policy:
        """Return what counts for a tenant; its lists are known afterwards.

        Raises:
            DatabaseUnavailableError: It cannot be reached, and nothing is known yet.
        """
        await self._lists.look(tenant_id)
        return await self._policies.of(tenant_id, level)

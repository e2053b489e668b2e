"""Which policy counts for whom: known to a process without a statement per job."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.clock import Clock
from infra.postgres.engine import transaction
from infra.postgres.policies import INSTALLATION, active_versions, get_policy
from infra.safety.policy_file import (
    FaultyDocumentError,
    default_policy,
    policy_from,
    whole_policy,
)
from schemas.errors import DatabaseUnavailableError
from schemas.policy import Policy, resolve
from schemas.policy_document import PolicyDocument
from schemas.tenant_plan import SafetyLevel

FRESH_SECONDS: Final = 2.0
"""For how long a process may go by a policy that another one took the place of."""

_log: Final = structlog.get_logger()


class Policies:
    """Knows what counts for every tenant, as of two seconds ago at most.

    Args:
        engine: Where policies are stored.
        clock: Measures how old what is known is.
    """

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._looked_at: float | None = None
        self._looking = asyncio.Lock()
        self._default = default_policy()
        self._versions: Mapping[int, int] = {}
        self._documents: dict[int, PolicyDocument] = {}
        self._resolved: dict[tuple[int, SafetyLevel], Policy] = {}

    async def of(self, tenant_id: int, level: SafetyLevel) -> Policy:
        """Return what counts for a tenant at a level.

        PostgreSQL is asked every two seconds at most, by one caller for all. While it cannot
        be reached, what is known goes on to count.

        Raises:
            DatabaseUnavailableError: It cannot be reached, and nothing is known yet.
        """
        if self._is_stale():
            await self._look()
        # Most tenants have no policy of their own: they share one.
        whose = tenant_id if tenant_id in self._documents else INSTALLATION
        known = self._resolved.get((whose, level))
        if known is None:
            own = self._documents.get(whose) if whose != INSTALLATION else None
            known = self._resolved[whose, level] = resolve(self.installation, own, level)
        return known

    @property
    def installation(self) -> PolicyDocument:
        """What every tenant's policy follows."""
        return self._documents.get(INSTALLATION, self._default)

    def _is_stale(self) -> bool:
        at = self._looked_at
        return at is None or self._clock.monotonic() - at >= FRESH_SECONDS

    async def _look(self) -> None:
        if self._looked_at is not None and self._looking.locked():
            # Somebody else looks already; what is known is nearly as good.
            return
        async with self._looking:
            if not self._is_stale():
                return
            try:
                await self._refresh()
            except DatabaseUnavailableError as error:
                if self._looked_at is None:
                    raise
                _log.warning("policies_not_refreshed", error=error.message)
            self._looked_at = self._clock.monotonic()

    async def _refresh(self) -> None:
        async with transaction(self._engine) as connection:
            versions = await active_versions(connection)
            if versions == self._versions:
                return
            documents = {
                tenant_id: document
                for tenant_id, document in self._documents.items()
                if versions.get(tenant_id) == self._versions.get(tenant_id)
            }
            for tenant_id in versions.keys() - documents.keys():
                stored = await get_policy(connection, tenant_id, versions[tenant_id])
                document = _read(stored.document, stored.version) if stored else None
                if document is not None:
                    whole = tenant_id == INSTALLATION
                    documents[tenant_id] = whole_policy(document) if whole else document
        same = versions.get(INSTALLATION) == self._versions.get(INSTALLATION)
        self._resolved = {
            (whose, level): policy
            for (whose, level), policy in self._resolved.items()
            if same and versions.get(whose) == self._versions.get(whose)
        }
        self._versions, self._documents = versions, documents


def _read(document: Mapping[str, Any], version: int) -> PolicyDocument | None:
    try:
        return policy_from({**document, "version": version})
    except FaultyDocumentError as error:
        # Of a newer release: what all others go by counts instead, floors and all.
        _log.error("policy_unreadable", version=version, faults=len(error.faults))
        return None

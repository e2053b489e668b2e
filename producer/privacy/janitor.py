"""Content whose time is over goes: prompts and results, by the rules of their tenants."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.clock import Clock
from infra.objectstore.store import ObjectStore
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.erase_content import erase_content
from infra.postgres.legal_holds import holds_in_force
from infra.postgres.partitions import first_key
from infra.postgres.retention import (
    Kept,
    Ruled,
    forget_old_evidence,
    look_again,
    look_at_new,
    ruled_tenants,
)
from infra.settings import Settings
from producer.privacy.objects import delete_objects, keys_of
from producer.privacy.people import is_kept

_PAGE: Final = 1_000
_TENANTS: Final = 100
_MOST_WATCHED: Final = 20_000
# From time to time everything is looked at from the beginning: holds are released, and not
# everything that waits is remembered.
_ANEW_SECONDS: Final = 3_600.0
_EVIDENCE: Final = 500
_FIRST: Final = UUID(int=0)

_log: Final = structlog.get_logger()


@dataclass(slots=True)
class _Place:
    """How far a tenant's jobs were looked at, and which of them must be looked at again."""

    since: float
    rules: tuple[int, int]
    cursor: UUID = _FIRST
    watched: dict[UUID, None] = field(default_factory=dict[UUID, None])


class Janitor:
    """Looks for content whose time is over. Any number may: to erase twice is to erase once.

    Args:
        engine: Connections; whatever its isolation, these transactions are whole.
        settings: What pseudonyms are made with.
        store: Has what jobs made.
        clock: When to begin anew.
    """

    def __init__(
        self, engine: AsyncEngine, settings: Settings, store: ObjectStore, clock: Clock
    ) -> None:
        self._engine = whole_transactions(engine)
        self._settings = settings
        self._store = store
        self._clock = clock
        self._places: dict[tuple[int, bool], _Place] = {}
        self._after = 0

    async def sweep(self) -> bool:
        """Look at some tenants once; return whether there is more to do at once.

        Raises:
            DatabaseUnavailableError: PostgreSQL cannot be reached.
            ObjectStoreError: What jobs made could not be deleted; the next sweep tries again.
        """
        async with transaction(self._engine) as connection:
            found = await ruled_tenants(connection, after=self._after, limit=_TENANTS)
        self._after = found[-1].tenant_id if len(found) == _TENANTS else 0
        more = self._after > 0
        for tenant in found:
            for prompts in (True, False):
                more |= await self._look(tenant, prompts=prompts)
        return more

    async def forget_evidence(self) -> None:
        """Delete evidence whose time is over."""
        forgotten, piece = 0, _EVIDENCE
        while piece == _EVIDENCE:
            async with transaction(self._engine) as connection:
                piece = await forget_old_evidence(connection, limit=_EVIDENCE)
            forgotten += piece
        if forgotten:
            _log.info("evidence_forgotten", rows=forgotten)

    async def _look(self, tenant: Ruled, *, prompts: bool) -> bool:
        place = self._place(tenant, prompts=prompts)
        hours = tenant.prompt_hours if prompts else tenant.result_hours
        until = first_key(_before(tenant.looked_at, hours))
        tenant_id = tenant.tenant_id
        async with transaction(self._engine) as connection:
            new = await look_at_new(
                connection,
                tenant_id,
                prompts=prompts,
                after=place.cursor,
                until=until,
                limit=_PAGE,
            )
            watched = list(islice(place.watched, _PAGE))
            again: list[Kept] = []
            if watched:
                again = await look_again(connection, tenant_id, watched, prompts=prompts)
        over = [job for job in [*new, *again] if job.over]
        await self._erase(tenant_id, over, prompts=prompts)
        for job_id in watched:
            del place.watched[job_id]
        # At the end, so that each has its turn.
        waiting = [job.id for job in [*again, *new] if job.there and not job.over]
        place.watched |= dict.fromkeys(waiting[: _MOST_WATCHED - len(place.watched)])
        if new:
            place.cursor = new[-1].id
        return len(new) == _PAGE

    def _place(self, tenant: Ruled, *, prompts: bool) -> _Place:
        now = self._clock.monotonic()
        rules = (tenant.prompt_hours, tenant.result_hours)
        place = self._places.get((tenant.tenant_id, prompts))
        if place is None or now - place.since > _ANEW_SECONDS or place.rules != rules:
            place = self._places[tenant.tenant_id, prompts] = _Place(now, rules)
        return place

    async def _erase(self, tenant_id: int, jobs: Sequence[Kept], *, prompts: bool) -> None:
        if not jobs:
            return
        async with transaction(self._engine) as connection:
            holds = await holds_in_force(connection, [tenant_id])
            free = [
                job.id
                for job in jobs
                if not is_kept(holds, self._settings, tenant_id, (job.id, job.end_user))
            ]
            keys = [] if prompts else await keys_of(connection, self._settings, free)
        await delete_objects(self._store, keys)
        async with transaction(self._engine) as connection:
            await erase_content(connection, free, prompts=prompts, results=not prompts)
        _log.info(
            "content_erased",
            tenant_id=tenant_id,
            jobs=len(free),
            held=len(jobs) - len(free),
            of="prompts" if prompts else "results",
        )


def _before(now: datetime, hours: int) -> datetime:
    # A job's id is made by the API's clock, a moment before PostgreSQL sees it.
    return now - timedelta(hours=hours) + timedelta(seconds=60 if hours == 0 else 0)

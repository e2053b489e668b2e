"""Sanctions: what follows of strikes, known to a process without a statement per job."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.clock import Clock
from infra.postgres.engine import transaction
from infra.postgres.strikes import LIFT, Strike, strikes_since
from infra.safety.policies import Policies
from schemas.errors import DatabaseUnavailableError
from schemas.policy_duties import Escalation

FRESH_SECONDS: Final = 2.0
SLOW_QUEUE: Final = "slow_queue"
REVIEW_ALL: Final = "review_all"
SUSPEND: Final = "suspend"

# A strike shows when its transaction commits, with the time when that began.
_OVERLAP: Final = timedelta(seconds=60)
_MOST: Final = 50_000

_log: Final = structlog.get_logger()

_Person = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class Sanction:
    """What one person has to put up with.

    Attributes:
        actions: All that follow of so many strikes, the mildest first.
        until: When the gravest of them ends, if nothing is added.
        strikes: How many count now.
    """

    actions: tuple[str, ...]
    until: datetime
    strikes: int

    @property
    def slow(self) -> bool:
        """Whether the person's jobs go to the slow lane."""
        return SLOW_QUEUE in self.actions

    @property
    def review(self) -> bool:
        """Whether a reviewer looks at all of them."""
        return REVIEW_ALL in self.actions

    @property
    def suspended(self) -> bool:
        """Whether none is accepted."""
        return SUSPEND in self.actions


def sanction_of(
    strikes: Iterable[Strike], escalation: Escalation, now: datetime
) -> Sanction | None:
    """Return what follows of one person's strikes, if anything does.

    Args:
        strikes: In any order; those before the last lift, and those that are older than the
            window, do not count.
        escalation: What follows of how many.
        now: PostgreSQL's time.
    """
    newest = sorted(strikes, key=lambda strike: strike.at, reverse=True)
    counted: list[Strike] = []
    for strike in newest:
        if strike.kind == LIFT or strike.at <= now - escalation.window:
            break
        counted.append(strike)
    total = sum(strike.weight for strike in counted)
    steps = [step for step in escalation.actions if total >= step.at]
    if not steps:
        return None
    actions = tuple(dict.fromkeys(step.do for step in steps))
    return Sanction(actions, _until(counted, steps[-1].at, escalation.window), total)


class Sanctions:
    """Knows who is sanctioned, as of two seconds ago at most.

    Args:
        engine: Where strikes are kept.
        clock: Measures how old what is known is.
        policies: Know what follows of how many strikes.
    """

    def __init__(self, engine: AsyncEngine, clock: Clock, policies: Policies) -> None:
        self._engine = engine
        self._clock = clock
        self._policies = policies
        self._looking = asyncio.Lock()
        self._looked_at: float | None = None
        self._failed: tuple[float, str] | None = None
        self._asked_at = datetime.fromtimestamp(0, UTC)
        self._known: dict[UUID, Strike] = {}
        self._people: dict[_Person, list[Strike]] = {}

    async def of(self, tenant_id: int, subject: bytes) -> Sanction | None:
        """Return what a person has to put up with now; of nobody in particular nothing.

        PostgreSQL is asked every two seconds at most, by one caller for all. While it cannot
        be reached, what is known goes on to count.

        Raises:
            DatabaseUnavailableError: Nothing is known yet, and PostgreSQL is away.
        """
        if not subject:
            return None
        if self._is_stale():
            await self._look()
        strikes = self._people.get((tenant_id, subject))
        if strikes is None:
            return None
        return sanction_of(strikes, self._escalation, self._now())

    @property
    def _escalation(self) -> Escalation:
        return self._policies.installation.escalation

    def _now(self) -> datetime:
        """Return PostgreSQL's time, as far as it is known."""
        passed = self._clock.monotonic() - (self._looked_at or 0.0)
        return self._asked_at + timedelta(seconds=passed)

    def _is_stale(self) -> bool:
        at = self._looked_at
        return at is None or self._clock.monotonic() - at >= FRESH_SECONDS

    async def _look(self) -> None:
        if self._looked_at is not None and self._looking.locked():
            # Somebody else looks already; what is known is nearly as good.
            return
        asked = self._clock.monotonic()
        async with self._looking:
            if not self._is_stale():
                return
            if self._failed is not None and self._failed[0] > asked:
                # It was tried meanwhile: who waited for that does not wait as long again.
                raise DatabaseUnavailableError(self._failed[1])
            begun = self._clock.monotonic()
            try:
                await self._refresh()
            except DatabaseUnavailableError as error:
                if self._looked_at is None:
                    # Nobody gets in for what nobody knows: no job is taken without PostgreSQL.
                    self._failed = (self._clock.monotonic(), error.message)
                    raise
                _log.warning("sanctions_not_refreshed", error=error.message)
                self._asked_at = self._now()
            self._looked_at = begun

    async def _refresh(self) -> None:
        window = self._escalation.window
        since = max((strike.at for strike in self._known.values()), default=None)
        after = since - _OVERLAP if since else datetime.fromtimestamp(0, UTC)
        async with transaction(self._engine) as connection:
            now, found = await strikes_since(connection, after, window, limit=_MOST)
        self._asked_at = now
        fresh = [strike for strike in found if strike.id not in self._known]
        old = [key for key, strike in self._known.items() if strike.at <= now - window]
        if not fresh and not old:
            return
        for key in old:
            del self._known[key]
        self._known |= {strike.id: strike for strike in fresh}
        self._people = _by_person(self._known.values())


def _by_person(strikes: Iterable[Strike]) -> dict[_Person, list[Strike]]:
    people: dict[_Person, list[Strike]] = {}
    for strike in strikes:
        people.setdefault((strike.tenant_id, strike.subject), []).append(strike)
    return people


def _until(newest_first: Sequence[Strike], least: int, window: timedelta) -> datetime:
    """Return when so many strikes will have grown old that fewer than ``least`` are left."""
    total = 0
    for strike in newest_first:
        total += strike.weight
        if total >= least:
            return strike.at + window
    return newest_first[-1].at + window

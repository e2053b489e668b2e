"""A rule: one invariant, one statement that finds what breaks it, and what to do then."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.partitions import first_key
from infra.settings import Settings
from schemas.ids import format_id
from schemas.lanes import BY_NUMBER, Lane

EXAMPLES: Final = 10
"""How many examples a violation shows; a statement looks for no more."""
# What follows tells two looks at the same lane apart, and nothing to people.
_MARK: Final = " at pass "


@dataclass(frozen=True, slots=True)
class Scope:
    """What an audit looks at, and by which settings it judges.

    Attributes:
        since: Only jobs whose id is at least this: ids begin with the time of submission.
        span: How far back ``since`` is.
        bound: What a dispatcher should have done may be late by this much.
        shares: Per lane number, the part of the slots that it may use.
        closed: The pools that take nothing now: their models are limited or paused.
    """

    since: UUID
    span: timedelta
    max_attempts: int
    max_lost: int
    cancel_grace: timedelta
    idempotency_ttl: timedelta
    bound: timedelta
    shares: tuple[tuple[int, float], ...]
    closed: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken promise.

    Attributes:
        id: Stable name of the rule.
        invariant: 1 to 14, as ``infra/postgres/audits/README.md`` numbers them.
        what: What is wrong, in words.
        examples: Up to ``EXAMPLES`` of the jobs, flows, limiters or lanes it was found at.
        action: What to do.
    """

    id: str
    invariant: int
    what: str
    examples: tuple[str, ...]
    action: str

    def persisting(self, later: "Violation") -> "Violation":
        """Return this violation with the examples that ``later`` still shows."""
        still = tuple(one.partition(_MARK)[0] for one in self.examples if one in later.examples)
        return replace(self, examples=still)


@dataclass(frozen=True, slots=True)
class Rule:
    """One question. Its statement returns one column, ``example``, and no row if all is well.

    Attributes:
        settles: What it finds may be right for a moment, until a dispatcher comes by; only
            what a second look finds again is a violation.
    """

    id: str
    invariant: int
    what: str
    action: str
    statement: TextClause
    settles: bool = False


def rule(
    invariant: int, name: str, what: str, statement: str, action: str, *, settles: bool = False
) -> Rule:
    """Return the rule called ``name``; ``LIMIT`` is added to its statement."""
    limited = text(f"SELECT example FROM ({statement}) found LIMIT {EXAMPLES}")
    return Rule(name, invariant, what, action, limited, settles)


def scope_of(
    settings: Settings,
    now: datetime,
    span: timedelta,
    *,
    bound: timedelta = timedelta(seconds=30),
) -> Scope:
    """Return the scope of the jobs of the last ``span``, judged by the settings."""
    reserved = sum(settings.lane_reserved.values())
    shares = {
        lane.number: min(
            settings.lane_caps.get(lane, 1.0),
            1.0 - reserved + settings.lane_reserved.get(lane, 0.0),
        )
        for lane in Lane
    }
    return Scope(
        since=first_key(now - span),
        span=span,
        max_attempts=settings.max_attempts,
        max_lost=settings.max_lost,
        cancel_grace=settings.cancel_grace,
        idempotency_ttl=settings.idempotency_ttl,
        bound=bound,
        shares=tuple(shares.items()),
    )


async def break_of(connection: AsyncConnection, rule: Rule, scope: Scope) -> Violation | None:
    """Ask one rule; one statement, so that moving jobs are seen in one place each."""
    wanted = rule.statement.compile().params
    values = {name: value for name, value in _values(scope).items() if name in wanted}
    found = (await connection.execute(rule.statement, values)).scalars().all()
    if not found:
        return None
    return Violation(rule.id, rule.invariant, rule.what, tuple(map(_shown, found)), rule.action)


def _values(scope: Scope) -> dict[str, Any]:
    return {
        "since": scope.since,
        "span": scope.span,
        "max_attempts": scope.max_attempts,
        "max_lost": scope.max_lost,
        "grace": scope.cancel_grace,
        "ttl": scope.idempotency_ttl,
        "bound": scope.bound,
        "lanes": [lane for lane, _ in scope.shares],
        "names": [BY_NUMBER[lane].value for lane, _ in scope.shares],
        "shares": [share for _, share in scope.shares],
        "closed": list(scope.closed),
    }


def _shown(example: object) -> str:
    return format_id("job", example) if isinstance(example, UUID) else str(example)

"""The queue of reviewers: items listed, claimed for a while, let go again.

``tenant_id`` is whose items somebody may see; ``None``: everybody's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.review import Decision, Origin, ReviewState
from schemas.safety import FLOORS, Action, Stage


@dataclass(frozen=True, slots=True)
class SaidBefore:
    """What one person decided about an item.

    Attributes:
        note: Their own words, from before such were sealed.
        sealed: Their own words, since.
    """

    reviewer: str
    decision: Decision
    reason: str
    note: str | None = field(repr=False)
    sealed: bytes | None = field(repr=False)
    at: str


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """What people decide.

    Attributes:
        tenant: Its tenant's name.
        pending: An output that waits, sealed.
        barred: Who may not decide it.
        said: What was decided about it, first things first.
        reports: How often users complained of the job.
        found_at: PostgreSQL's time when it was read.
    """

    id: UUID
    tenant_id: int
    tenant: str
    job_id: UUID
    origin: Origin
    stage: Stage
    category: str
    state: ReviewState
    holds: bool
    needs: int
    escalated: bool
    verdict: Mapping[str, Any]
    pending: bytes | None = field(repr=False)
    claimed_by: str | None
    claimed_until: datetime | None
    barred: Sequence[str]
    due_at: datetime | None
    on_timeout: Action | None
    outcome: Action | None
    created_at: datetime
    decided_at: datetime | None
    said: Sequence[SaidBefore]
    reports: int
    found_at: datetime

    @property
    def claimed(self) -> bool:
        """Whether it is somebody's now."""
        return self.claimed_until is not None and self.claimed_until > self.found_at

    @property
    def stopped_for(self) -> list[str]:
        """The categories that those who let it pass know of."""
        return sorted({self.category, *(self.verdict.get("violations") or ())})


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who decides.

    Attributes:
        name: As the audit log tells it.
        tenant_id: Whose items; ``None``: everybody's.
        lead: May settle what others could not.
    """

    name: str
    tenant_id: int | None
    lead: bool = False


@dataclass(frozen=True, slots=True)
class ReviewFilter:
    """Which items; ``None`` is all of them."""

    state: ReviewState | None = None
    category: str | None = None
    origin: Origin | None = None


_COLUMNS: Final = """
SELECT i.*, t.name AS tenant, clock_timestamp() AS found_at,
  (SELECT count(*) FROM job_report r WHERE r.job_id = i.job_id) AS reports,
  (SELECT jsonb_agg(jsonb_build_object('reviewer', d.reviewer, 'decision', d.decision,
     'reason', d.reason, 'note', d.note, 'sealed', encode(d.sealed_note, 'hex'), 'at', d.at)
     ORDER BY d.at)
   FROM review_decision d WHERE d.item_id = i.id) AS said
FROM review_item i JOIN tenant t ON t.id = i.tenant_id
"""
_MINE: Final = "(CAST(:tenant_id AS bigint) IS NULL OR i.tenant_id = :tenant_id)"
_FITS: Final = """(CAST(:category AS text) IS NULL OR i.category = :category)
  AND (CAST(:origin AS text) IS NULL OR i.origin = :origin)"""

_ONE: Final = text(f"{_COLUMNS} WHERE i.id = :id AND {_MINE}")
_LOCK: Final = text(f"{_COLUMNS} WHERE i.id = :id AND {_MINE} FOR UPDATE OF i")
_LIST: Final = text(f"""
{_COLUMNS} WHERE {_MINE} AND {_FITS}
  AND (CAST(:state AS smallint) IS NULL OR i.state = :state)
  AND i.id < COALESCE(CAST(:before AS uuid), 'ffffffff-ffff-ffff-ffff-ffffffffffff')
ORDER BY i.id DESC LIMIT :limit
""")

# What may be somebody's: not in other hands, not decided by them, not beyond them. What is
# never made is not its tenant's to let pass.
_FREE: Final = """i.state = 0
  AND (CAST(:tenant_id AS bigint) IS NULL OR NOT (i.holds OR i.origin = 'appeal')
    OR NOT (i.category = ANY(CAST(:floors AS text[]))
      OR COALESCE(jsonb_exists_any(i.verdict -> 'violations', CAST(:floors AS text[])), false)))
  AND (i.claimed_until IS NULL OR i.claimed_until <= clock_timestamp()
    OR i.claimed_by = :reviewer)
  AND NOT jsonb_exists(i.barred, :reviewer) AND (NOT i.escalated OR CAST(:lead AS boolean))
  AND NOT EXISTS (
    SELECT 1 FROM review_decision d WHERE d.item_id = i.id AND d.reviewer = :reviewer)"""
_TAKE: Final = """
UPDATE review_item SET claimed_by = :reviewer, claimed_until = clock_timestamp() + :lease,
  revision = revision + 1
"""
# Whoever waited for another's claim looks at the row again, and finds it taken.
_CLAIM: Final = text(f"""
{_TAKE} WHERE id = (SELECT i.id FROM review_item i
  WHERE i.id = :id AND {_MINE} AND {_FREE} FOR UPDATE OF i)
RETURNING id
""")
# What one holds already first, then what is due first.
_CLAIM_NEXT: Final = text(f"""
{_TAKE} WHERE id = (SELECT i.id FROM review_item i
  WHERE {_MINE} AND {_FITS} AND {_FREE}
  ORDER BY i.claimed_by = :reviewer AND i.claimed_until > now() DESC NULLS LAST,
    i.due_at, i.created_at, i.id
  LIMIT 1 FOR UPDATE OF i SKIP LOCKED)
RETURNING id
""")
_RELEASE: Final = text(f"""
UPDATE review_item i SET claimed_by = NULL, claimed_until = NULL, revision = revision + 1
WHERE i.id = :id AND {_MINE} AND i.state = 0 AND i.claimed_by = :reviewer RETURNING i.id
""")


async def get_review(
    connection: AsyncConnection, tenant_id: int | None, item_id: UUID, *, lock: bool = False
) -> ReviewItem | None:
    """Return an item, locked until the end of the transaction if that is wanted."""
    found = await connection.execute(
        _LOCK if lock else _ONE, {"id": item_id, "tenant_id": tenant_id}
    )
    row = found.one_or_none()
    return review_of_row(row) if row else None


async def list_reviews(
    connection: AsyncConnection,
    tenant_id: int | None,
    wanted: ReviewFilter,
    *,
    before: UUID | None,
    limit: int,
) -> list[ReviewItem]:
    """Return items, newest first."""
    values = {
        "tenant_id": tenant_id,
        "state": None if wanted.state is None else int(wanted.state),
        "category": wanted.category,
        "origin": wanted.origin.value if wanted.origin else None,
        "before": before,
        "limit": limit,
    }
    return [review_of_row(row) for row in await connection.execute(_LIST, values)]


async def claim_review(
    connection: AsyncConnection, reviewer: Reviewer, item_id: UUID, lease: timedelta
) -> bool:
    """Give an item to a reviewer, or give it to them for longer; tell whether it is theirs."""
    values = {**_of(reviewer), "id": item_id, "lease": lease}
    return (await connection.execute(_CLAIM, values)).one_or_none() is not None


async def claim_next(
    connection: AsyncConnection, reviewer: Reviewer, wanted: ReviewFilter, lease: timedelta
) -> UUID | None:
    """Give a reviewer the most urgent item that is free; ``None``: there is none."""
    values = {
        **_of(reviewer),
        "category": wanted.category,
        "origin": wanted.origin.value if wanted.origin else None,
        "lease": lease,
    }
    return (await connection.execute(_CLAIM_NEXT, values)).scalar_one_or_none()


async def release_review(
    connection: AsyncConnection, reviewer: Reviewer, item_id: UUID
) -> bool:
    """Take an item from a reviewer who had it; tell whether they had."""
    values = {**_of(reviewer), "id": item_id}
    return (await connection.execute(_RELEASE, values)).one_or_none() is not None


def review_of_row(row: Row[Any]) -> ReviewItem:
    """Return the item in a row of ``review_item`` with what belongs to it."""
    return ReviewItem(
        id=row.id,
        tenant_id=row.tenant_id,
        tenant=row.tenant,
        job_id=row.job_id,
        origin=Origin(row.origin),
        stage=Stage(row.stage),
        category=row.category,
        state=ReviewState(row.state),
        holds=row.holds,
        needs=row.needs,
        escalated=row.escalated,
        verdict=row.verdict,
        pending=bytes(row.pending) if row.pending is not None else None,
        claimed_by=row.claimed_by,
        claimed_until=row.claimed_until,
        barred=row.barred,
        due_at=row.due_at,
        on_timeout=None if row.on_timeout is None else Action(row.on_timeout),
        outcome=None if row.outcome is None else Action(row.outcome),
        created_at=row.created_at,
        decided_at=row.decided_at,
        said=[_said(one) for one in row.said or ()],
        reports=row.reports,
        found_at=row.found_at,
    )


def _said(one: Mapping[str, Any]) -> SaidBefore:
    decision = Decision(one["decision"])
    sealed = bytes.fromhex(one["sealed"]) if one["sealed"] else None
    return SaidBefore(one["reviewer"], decision, one["reason"], one["note"], sealed, one["at"])


def _of(reviewer: Reviewer) -> dict[str, Any]:
    return {
        "reviewer": reviewer.name,
        "tenant_id": reviewer.tenant_id,
        "lead": reviewer.lead,
        "floors": list(FLOORS),
    }

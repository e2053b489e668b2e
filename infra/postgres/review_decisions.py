"""Decisions of people, and how items close; each in the transaction of what follows of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.review_queue import ReviewItem
from schemas.review import Decision, ReviewState
from schemas.safety import Action

LARGEST_BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class Leftover:
    """An output in the object store that waited, and does no more.

    Attributes:
        kept: Its job has it now: only what lies apart goes.
    """

    id: UUID
    tenant_id: int
    job_id: UUID
    pending: bytes
    kept: bool


@dataclass(frozen=True, slots=True)
class ReviewCount:
    """How many items of an origin are open, and for how long the oldest is, in seconds."""

    origin: str
    open: int
    overdue: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class DecisionCount:
    """How often something was decided for a reason of late."""

    decision: str
    reason: str
    count: int


_ADD: Final = text("""
INSERT INTO review_decision (item_id, reviewer, decision, reason, sealed_note)
VALUES (:item_id, :reviewer, :decision, :reason, :note)
ON CONFLICT (item_id, reviewer) DO NOTHING RETURNING reviewer
""")
_PASS_ON: Final = text("""
UPDATE review_item SET claimed_by = NULL, claimed_until = NULL, revision = revision + 1,
  escalated = escalated OR CAST(:escalated AS boolean)
WHERE id = :id AND tenant_id = :tenant_id AND state = 0
""")
_CLOSE: Final = text("""
UPDATE review_item SET state = :state, outcome = :outcome, decided_at = now(),
  claimed_until = NULL, revision = revision + 1
WHERE id = :id AND tenant_id = :tenant_id AND state = 0 RETURNING id
""")
_OVERDUE: Final = text("""
SELECT id FROM review_item WHERE state = 0 AND due_at <= now() ORDER BY due_at LIMIT :limit
""")
# Whoever moves the job closes its item in the same transaction, and holds it until then.
_WITHDRAW: Final = text("""
UPDATE review_item SET state = 3, decided_at = now(), claimed_until = NULL,
  revision = revision + 1
WHERE id = ANY (ARRAY(
  SELECT i.id FROM review_item i
  WHERE i.state = 0 AND i.holds AND NOT EXISTS (
    SELECT 1 FROM live l WHERE l.job_id = i.job_id AND l.state = 0 AND l.hold = 1)
  ORDER BY i.created_at LIMIT :limit FOR UPDATE OF i SKIP LOCKED))
RETURNING id
""")
# What a hold of the law keeps stays where it lies.
_LEFTOVERS: Final = text("""
SELECT i.id, i.tenant_id, i.job_id, i.pending, i.outcome = 0 AS kept FROM review_item i
WHERE i.state <> 0 AND i.pending IS NOT NULL AND i.id > :after AND NOT EXISTS (
  SELECT 1 FROM legal_hold h
  WHERE h.tenant_id = i.tenant_id AND h.released_at IS NULL AND i.outcome IS DISTINCT FROM 0
    AND (h.job_id = i.job_id OR (h.job_id IS NULL AND h.subject IS NULL) OR EXISTS (
      SELECT 1 FROM safety_evidence e
      WHERE e.job_id = i.job_id AND e.subject = h.subject)))
ORDER BY i.id LIMIT :limit
""")
_FORGET: Final = text("UPDATE review_item SET pending = NULL WHERE id = :id AND state <> 0")
_REVIEWERS: Final = text("""
SELECT DISTINCT d.reviewer FROM review_decision d JOIN review_item i ON i.id = d.item_id
WHERE i.tenant_id = :tenant_id AND i.job_id = :job_id AND d.decision <> 'escalate'
ORDER BY d.reviewer
""")
_OPEN: Final = text("""
SELECT origin, count(*) AS open, count(*) FILTER (WHERE due_at <= now()) AS overdue,
  COALESCE(EXTRACT(EPOCH FROM now() - min(created_at)), 0) AS oldest
FROM review_item
WHERE state = 0 AND (CAST(:tenant_id AS bigint) IS NULL OR tenant_id = :tenant_id)
GROUP BY origin ORDER BY origin
""")
_SAID: Final = text("""
SELECT d.decision, d.reason, count(*) AS count
FROM review_decision d JOIN review_item i ON i.id = d.item_id
WHERE d.at > now() - interval '30 days'
  AND (CAST(:tenant_id AS bigint) IS NULL OR i.tenant_id = :tenant_id)
GROUP BY d.decision, d.reason ORDER BY d.decision, count(*) DESC, d.reason
""")


async def add_decision(
    connection: AsyncConnection,
    item: ReviewItem,
    *,
    reviewer: str,
    decision: Decision,
    reason: str,
    note: bytes | None,
) -> bool:
    """Keep what somebody decided; tell whether they had decided nothing about it before.

    Args:
        connection: Of the caller's transaction, which has locked the item.
        item: What was decided about.
        reviewer: Who did.
        decision: What.
        reason: Why, in a word.
        note: Why, in words of their own, sealed.
    """
    values = {
        "item_id": item.id,
        "reviewer": reviewer,
        "decision": decision.value,
        "reason": reason,
        "note": note,
    }
    return (await connection.execute(_ADD, values)).one_or_none() is not None


async def pass_on(connection: AsyncConnection, item: ReviewItem, *, escalated: bool) -> None:
    """Let an item go to another person; ``escalated``: to one who settles it."""
    values = {"id": item.id, "tenant_id": item.tenant_id, "escalated": escalated}
    await connection.execute(_PASS_ON, values)


async def close_review(
    connection: AsyncConnection,
    item: ReviewItem,
    outcome: Action,
    state: ReviewState = ReviewState.DECIDED,
) -> bool:
    """Close an item; tell whether it was open."""
    values = {
        "id": item.id,
        "tenant_id": item.tenant_id,
        "state": int(state),
        "outcome": int(outcome),
    }
    return (await connection.execute(_CLOSE, values)).one_or_none() is not None


async def overdue_reviews(connection: AsyncConnection) -> list[UUID]:
    """Return open items that nobody has decided in time, the latest first."""
    rows = await connection.execute(_OVERDUE, {"limit": LARGEST_BATCH})
    return list(rows.scalars())


async def withdraw_reviews(connection: AsyncConnection) -> int:
    """Close items whose jobs wait for nobody any more: cancelled, or expired; return how many.

    Somebody's decision that is being written goes first.
    """
    rows = await connection.execute(_WITHDRAW, {"limit": LARGEST_BATCH})
    return len(rows.all())


async def leftovers(connection: AsyncConnection, *, after: UUID) -> list[Leftover]:
    """Return closed items that still have something in the object store, by their ids."""
    rows = await connection.execute(_LEFTOVERS, {"after": after, "limit": LARGEST_BATCH})
    return [
        Leftover(row.id, row.tenant_id, row.job_id, bytes(row.pending), bool(row.kept))
        for row in rows
    ]


async def forget_pending(connection: AsyncConnection, item_id: UUID) -> None:
    """Forget an output that does not wait any more, once its objects are gone."""
    await connection.execute(_FORGET, {"id": item_id})


async def reviewers_of(
    connection: AsyncConnection, tenant_id: int, job_id: UUID
) -> Sequence[str]:
    """Return who has decided about a tenant's job."""
    values = {"tenant_id": tenant_id, "job_id": job_id}
    return list((await connection.execute(_REVIEWERS, values)).scalars())


async def open_counts(connection: AsyncConnection, tenant_id: int | None) -> list[ReviewCount]:
    """Return how much waits for people, by origin."""
    rows = await connection.execute(_OPEN, {"tenant_id": tenant_id})
    return [ReviewCount(r.origin, r.open, r.overdue, float(r.oldest)) for r in rows]


async def decision_counts(
    connection: AsyncConnection, tenant_id: int | None
) -> list[DecisionCount]:
    """Return what people decided in the last thirty days, and why."""
    rows = await connection.execute(_SAID, {"tenant_id": tenant_id})
    return [DecisionCount(row.decision, row.reason, row[2]) for row in rows]

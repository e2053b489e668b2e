"""What people decide: items of a review."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.safety import Action, Stage

HOLD: Final = "hold"
"""The origin of an item for which a job waits."""


@dataclass(frozen=True, slots=True)
class NewReview:
    """What a person is to decide. ``verdict`` is JSON text.

    Attributes:
        id: Made by whoever asks, so that to ask twice is to ask once.
        origin: ``hold``, ``sample``, ``report`` or ``appeal``.
        category: The gravest of the verdict.
        holds: The job waits for it.
        needs: How many people must agree.
        due_in: How long it may wait; ``None``: for ever.
        on_timeout: What then.
        pending: What the job's end will hold if it is approved, sealed.
    """

    id: UUID
    tenant_id: int
    job_id: UUID
    stage: Stage
    category: str
    verdict: str
    origin: str = HOLD
    holds: bool = True
    needs: int = 1
    due_in: timedelta | None = None
    on_timeout: Action = Action.BLOCK
    pending: bytes | None = None


_OPEN: Final = text("""
INSERT INTO review_item (id, tenant_id, job_id, origin, stage, category, holds, needs, verdict,
  pending, due_at, on_timeout)
SELECT id, tenant_id, job_id, origin, stage, category, holds, needs, CAST(verdict AS jsonb),
  pending, now() + due_in, on_timeout
FROM unnest(
  CAST(:ids AS uuid[]), CAST(:tenants AS bigint[]), CAST(:jobs AS uuid[]),
  CAST(:origins AS text[]), CAST(:stages AS text[]), CAST(:categories AS text[]),
  CAST(:holds AS boolean[]), CAST(:needs AS smallint[]), CAST(:verdicts AS text[]),
  CAST(:pending AS bytea[]), CAST(:due AS interval[]), CAST(:on_timeout AS smallint[]))
AS x(id, tenant_id, job_id, origin, stage, category, holds, needs, verdict, pending, due_in,
     on_timeout)
ON CONFLICT (id) DO NOTHING
""")


async def open_reviews(connection: AsyncConnection, items: Sequence[NewReview]) -> None:
    """Ask people; an item that was asked before stays as it is."""
    if not items:
        return
    await connection.execute(
        _OPEN,
        {
            "ids": [item.id for item in items],
            "tenants": [item.tenant_id for item in items],
            "jobs": [item.job_id for item in items],
            "origins": [item.origin for item in items],
            "stages": [item.stage.value for item in items],
            "categories": [item.category for item in items],
            "holds": [item.holds for item in items],
            "needs": [item.needs for item in items],
            "verdicts": [item.verdict for item in items],
            "pending": [item.pending for item in items],
            "due": [item.due_in for item in items],
            "on_timeout": [int(item.on_timeout) for item in items],
        },
    )

"""Tests of endpoints: what came of one, and taking back one that nobody sent."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.webhooks import Ended


@dataclass(frozen=True, slots=True)
class TrialAttempt:
    """The attempt of a test.

    Attributes:
        status: Of the answer; ``None``: there was none.
        detail: What went wrong.
    """

    outcome: str
    status: int | None
    detail: str | None
    duration_ms: int
    delivered: bool


_ATTEMPT: Final = text("""
SELECT outcome, status, detail, duration_ms, ended FROM delivery_attempt
WHERE event_id = :event_id AND tenant_id = :tenant_id ORDER BY n LIMIT 1
""")

_TAKE_BACK: Final = text("""
DELETE FROM delivery WHERE job_id = :event_id AND tenant_id = :tenant_id
  AND event_id = :event_id
""")


async def attempt_of_test(
    connection: AsyncConnection, tenant_id: int, event_id: UUID
) -> TrialAttempt | None:
    """Return the first attempt of a test's event; ``None``: there was none yet."""
    of = {"event_id": event_id, "tenant_id": tenant_id}
    row = (await connection.execute(_ATTEMPT, of)).one_or_none()
    if row is None:
        return None
    return TrialAttempt(
        outcome=row.outcome,
        status=row.status,
        detail=row.detail,
        duration_ms=row.duration_ms,
        delivered=row.ended == Ended.DELIVERED,
    )


async def take_back(connection: AsyncConnection, tenant_id: int, event_id: UUID) -> None:
    """Send a test no more that nobody waits for."""
    await connection.execute(_TAKE_BACK, {"event_id": event_id, "tenant_id": tenant_id})

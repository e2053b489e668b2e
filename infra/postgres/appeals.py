"""Appeals of blocked jobs: one per job, decided by somebody who has not decided before."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.review import AppealState


@dataclass(frozen=True, slots=True)
class Appeal:
    """What its submitter says against a decision; ``body`` is sealed, or gone."""

    id: UUID
    tenant_id: int
    tenant: str
    job_id: UUID
    item_id: UUID
    body: bytes | None = field(repr=False)
    state: AppealState
    requeued_as: UUID | None
    created_at: datetime
    decided_at: datetime | None


_ADD: Final = text("""
INSERT INTO appeal (id, tenant_id, job_id, item_id, body)
VALUES (:id, :tenant_id, :job_id, :item_id, :body)
ON CONFLICT (job_id) DO NOTHING RETURNING id
""")
_BAR: Final = text("""
UPDATE review_item SET barred = CAST(:barred AS jsonb)
WHERE id = :id AND tenant_id = :tenant_id
""")
_COLUMNS: Final = """
SELECT a.*, t.name AS tenant FROM appeal a JOIN tenant t ON t.id = a.tenant_id
"""
_OF_JOB: Final = text(f"{_COLUMNS} WHERE a.tenant_id = :tenant_id AND a.job_id = :job_id")
_OF_ITEM: Final = text(f"{_COLUMNS} WHERE a.job_id = :job_id AND a.item_id = :item_id")
_LIST: Final = text(f"""
{_COLUMNS} WHERE (CAST(:tenant_id AS bigint) IS NULL OR a.tenant_id = :tenant_id)
  AND (CAST(:state AS smallint) IS NULL OR a.state = :state)
  AND a.id < COALESCE(CAST(:before AS uuid), 'ffffffff-ffff-ffff-ffff-ffffffffffff')
ORDER BY a.id DESC LIMIT :limit
""")
_DECIDE: Final = text("""
UPDATE appeal SET state = :state, requeued_as = :requeued_as, decided_at = now()
WHERE id = :id AND tenant_id = :tenant_id AND state = 0 RETURNING id
""")
# What it was done over as is told by both; whoever did it over before stays the one.
_OVERTURN: Final = text("""
UPDATE job SET redriven_by = COALESCE(redriven_by, CAST(:by AS uuid)),
  verdict = verdict || CAST(:label AS jsonb)
WHERE id = :job_id AND tenant_id = :tenant_id
""")
_FROM: Final = text("""
SELECT j.finished_at, j.final_state, j.verdict, p.body -> 'webhook' AS webhook,
  p.body -> 'channels' AS channels, now() AS now
FROM job j JOIN payload p ON p.job_id = j.id
WHERE j.id = :job_id AND j.tenant_id = :tenant_id
""")


@dataclass(frozen=True, slots=True)
class Judged:
    """What an appeal has to know of its job.

    Attributes:
        webhook: What came with the job, as its payload keeps it.
        now: PostgreSQL's time.
    """

    final_state: int | None
    finished_at: datetime | None
    verdict: dict[str, Any] | None
    webhook: dict[str, Any] | None
    channels: Sequence[str]
    now: datetime


async def judged_job(
    connection: AsyncConnection, tenant_id: int, job_id: UUID
) -> Judged | None:
    """Return what was decided about a tenant's job, and who hears of it."""
    values = {"tenant_id": tenant_id, "job_id": job_id}
    row = (await connection.execute(_FROM, values)).one_or_none()
    if row is None:
        return None
    return Judged(
        row.final_state,
        row.finished_at,
        row.verdict,
        row.webhook,
        row.channels or (),
        row.now,
    )


async def add_appeal(
    connection: AsyncConnection,
    *,
    key: UUID,
    tenant_id: int,
    job_id: UUID,
    item_id: UUID,
    body: bytes,
) -> bool:
    """Keep an appeal; tell whether it is the job's first."""
    values = {
        "id": key,
        "tenant_id": tenant_id,
        "job_id": job_id,
        "item_id": item_id,
        "body": body,
    }
    return (await connection.execute(_ADD, values)).one_or_none() is not None


async def bar_reviewers(
    connection: AsyncConnection, tenant_id: int, item_id: UUID, barred: str
) -> None:
    """Let some reviewers not decide an item; ``barred`` is their names as JSON."""
    values = {"id": item_id, "tenant_id": tenant_id, "barred": barred}
    await connection.execute(_BAR, values)


async def appeal_of(connection: AsyncConnection, tenant_id: int, job_id: UUID) -> Appeal | None:
    """Return the appeal of a tenant's job."""
    found = await connection.execute(_OF_JOB, {"tenant_id": tenant_id, "job_id": job_id})
    row = found.one_or_none()
    return _appeal(row) if row else None


async def appeal_of_item(
    connection: AsyncConnection, job_id: UUID, item_id: UUID
) -> Appeal | None:
    """Return the appeal that an item is to decide."""
    found = await connection.execute(_OF_ITEM, {"job_id": job_id, "item_id": item_id})
    row = found.one_or_none()
    return _appeal(row) if row else None


async def list_appeals(
    connection: AsyncConnection,
    tenant_id: int | None,
    state: AppealState | None,
    *,
    before: UUID | None,
    limit: int,
) -> list[Appeal]:
    """Return appeals, newest first; of everybody, if no tenant is named."""
    values = {
        "tenant_id": tenant_id,
        "state": None if state is None else int(state),
        "before": before,
        "limit": limit,
    }
    return [_appeal(row) for row in await connection.execute(_LIST, values)]


async def close_appeal(
    connection: AsyncConnection, appeal: Appeal, state: AppealState, requeued_as: UUID | None
) -> bool:
    """Decide an appeal; tell whether it was open."""
    values = {
        "id": appeal.id,
        "tenant_id": appeal.tenant_id,
        "state": int(state),
        "requeued_as": requeued_as,
    }
    return (await connection.execute(_DECIDE, values)).one_or_none() is not None


async def label_overturned(
    connection: AsyncConnection, appeal: Appeal, *, by: UUID | None, label: str
) -> None:
    """Say of a job that it should not have been blocked; ``label`` is JSON of its verdict."""
    values = {
        "job_id": appeal.job_id,
        "tenant_id": appeal.tenant_id,
        "by": by,
        "label": label,
    }
    await connection.execute(_OVERTURN, values)


def _appeal(row: Row[Any]) -> Appeal:
    return Appeal(
        id=row.id,
        tenant_id=row.tenant_id,
        tenant=row.tenant,
        job_id=row.job_id,
        item_id=row.item_id,
        body=bytes(row.body) if row.body is not None else None,
        state=AppealState(row.state),
        requeued_as=row.requeued_as,
        created_at=row.created_at,
        decided_at=row.decided_at,
    )

"""Where derived jobs come from: written with the job, read by its tenant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas import generation
from schemas.generation import Kind
from schemas.job_states import JobState
from schemas.lineage import Lineage

_WRITE: Final = text("""
INSERT INTO lineage (job_id, tenant_id, root_id, parent_ids, action, detail)
SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS n(
  job_id uuid, tenant_id bigint, root_id uuid, parent_ids uuid[], action text, detail jsonb)
ON CONFLICT (job_id) DO NOTHING
""")

_REPEAT: Final = text("""
INSERT INTO lineage (job_id, tenant_id, root_id, parent_ids, action, detail)
SELECT n.again, x.tenant_id, x.root_id, x.parent_ids, x.action, x.detail
FROM unnest(CAST(:ended AS uuid[]), CAST(:again AS uuid[])) AS n(ended, again)
CROSS JOIN LATERAL (SELECT * FROM lineage WHERE job_id = n.ended LIMIT 1) x
WHERE x.tenant_id = :tenant_id
ON CONFLICT (job_id) DO NOTHING
""")

# The tree's root has no row of its own: it comes first, though clocks that differ may have
# given a job that was made of it a lower id. LIMIT stands inside, so that no more jobs are
# looked at than are shown.
_TREE: Final = text("""
WITH t AS MATERIALIZED (
  SELECT * FROM (
    SELECT CAST(:root AS uuid) AS job_id, CAST(NULL AS uuid[]) AS parent_ids,
      CAST(NULL AS text) AS action, CAST(NULL AS jsonb) AS detail
    WHERE CAST(:after AS uuid) IS NULL
    UNION ALL (
      SELECT job_id, parent_ids, action, detail FROM lineage
      WHERE tenant_id = :tenant_id AND root_id = :root
        AND job_id > COALESCE(NULLIF(CAST(:after AS uuid), CAST(:root AS uuid)),
          '00000000-0000-0000-0000-000000000000')
      ORDER BY job_id LIMIT :most)) AS all_of_it
  ORDER BY job_id <> :root, job_id LIMIT :most)
SELECT t.job_id, t.parent_ids, t.action, t.detail, j.kind, j.model, j.created_at,
  j.final_state, l.state AS live_state, COALESCE(j.erased_at IS NOT NULL, false) AS erased,
  COALESCE(r.body -> 'erased' = 'true', false) AS output_erased,
  (SELECT array_agg(CAST(a ->> 'index' AS int)) FROM jsonb_array_elements(
    CASE jsonb_typeof(r.artifacts) WHEN 'array' THEN r.artifacts ELSE '[]' END) a) AS pictures
FROM t
LEFT JOIN job j ON j.id = t.job_id AND j.tenant_id = :tenant_id
LEFT JOIN live l ON l.job_id = j.id
LEFT JOIN result r ON r.job_id = j.id
ORDER BY t.job_id <> :root, t.job_id
""")


@dataclass(frozen=True, slots=True)
class TreeJob:
    """One job of a tree.

    Attributes:
        lineage: What it was made of; ``None`` of the root.
        kind: ``None``, as all that follows: the job is no longer stored.
        erased: Its content, or what it made, is gone.
        pictures: The indexes of its artifacts.
    """

    id: UUID
    lineage: Lineage | None
    kind: Kind | None = None
    model: str | None = None
    state: JobState | None = None
    created_at: datetime | None = None
    erased: bool = False
    pictures: Sequence[int] = ()


async def write_lineage(
    connection: AsyncConnection, derived: Sequence[tuple[UUID, int, Lineage]]
) -> None:
    """Write where new jobs come from, in the transaction that writes them.

    Args:
        connection: Of that transaction.
        derived: The id and the tenant of each. To write it twice is to write it once.
    """
    rows = [
        {
            "job_id": job_id,
            "tenant_id": tenant_id,
            "root_id": one.root_id,
            "parent_ids": list(one.parent_ids),
            "action": one.action,
            "detail": dict(one.detail) or None,
        }
        for job_id, tenant_id, one in derived
    ]
    await connection.execute(_WRITE, {"rows": orjson.dumps(rows).decode()})


async def repeat_lineage(
    connection: AsyncConnection, tenant_id: int, repeated: Sequence[tuple[UUID, UUID]]
) -> None:
    """Write that jobs come from where those came from which they do again.

    Args:
        connection: Of the transaction that writes the jobs.
        tenant_id: Whose they are.
        repeated: Each job that ended, and the one that does the same again.
    """
    values = {
        "tenant_id": tenant_id,
        "ended": [ended for ended, _ in repeated],
        "again": [again for _, again in repeated],
    }
    await connection.execute(_REPEAT, values)


async def read_tree(
    connection: AsyncConnection,
    tenant_id: int,
    root_id: UUID,
    *,
    limit: int,
    after: UUID | None = None,
) -> list[TreeJob]:
    """Return jobs of a tree, oldest first, the root before all others.

    Args:
        connection: To PostgreSQL.
        tenant_id: Whose jobs these are.
        root_id: The job that the tree grew from.
        limit: No more than so many.
        after: Only what comes after this job; all but the root comes after that.
    """
    values = {"tenant_id": tenant_id, "root": root_id, "after": after, "most": limit}
    rows = (await connection.execute(_TREE, values)).all()
    return [_tree_job(row, root_id) for row in rows]


def lineage_of_row(row: Row[Any], root_id: UUID) -> Lineage:
    """Return what the columns of ``lineage`` say."""
    return Lineage(root_id, tuple(row.parent_ids), row.action, row.detail or {})


def _tree_job(row: Row[Any], root_id: UUID) -> TreeJob:
    lineage = None if row.action is None else lineage_of_row(row, root_id)
    if row.created_at is None:
        return TreeJob(row.job_id, lineage)
    state = row.final_state if row.final_state is not None else row.live_state
    return TreeJob(
        id=row.job_id,
        lineage=lineage,
        kind=generation.BY_NUMBER[row.kind],
        model=row.model,
        state=JobState(state),
        created_at=row.created_at,
        erased=row.erased or row.output_erased,
        pictures=sorted(row.pictures or ()),
    )

"""Erasures of people, as they are stored: what is asked for, and how far each has come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.partitions import first_key
from schemas.privacy import Erasure, ErasureStage, ErasureState

# Processes forget a deleted salt within two seconds.
GRACE: Final = timedelta(seconds=3)
"""What was sent that long after an erasure was asked for counts as sent before."""
_SLACK: Final = timedelta(hours=1)
_LAST: Final = UUID(int=(1 << 128) - 1)

_COLUMNS: Final = (
    "id, tenant_id, subject, state, stage, after, counts, files, asked_by, asked_at, done_at"
)

_ADD: Final = text(f"""
INSERT INTO erasure (tenant_id, subject, state, asked_by)
VALUES (:tenant_id, :subject, :state, :asked_by) RETURNING {_COLUMNS}
""")

_ONE: Final = text(f"SELECT {_COLUMNS} FROM erasure WHERE tenant_id = :tenant_id AND id = :id")

_LIST: Final = text(f"""
SELECT {_COLUMNS} FROM erasure WHERE tenant_id = :tenant_id ORDER BY id DESC LIMIT :limit
""")

# Processes forget a deleted salt within two seconds: what they sealed with it meanwhile was
# asked for before.
_WAITING: Final = text(f"""
SELECT {_COLUMNS} FROM erasure
WHERE state = 0 AND id > :after AND asked_at <= now() - make_interval(secs => :seconds)
ORDER BY id LIMIT :limit
""")

_LOCK: Final = text("""
SELECT true FROM erasure WHERE tenant_id = :tenant_id AND id = :id AND state = 0
  AND stage = :stage AND after IS NOT DISTINCT FROM :after FOR UPDATE
""")

_MOVE: Final = text("""
UPDATE erasure SET stage = :stage, after = :after, counts = CAST(:counts AS jsonb),
  files = CAST(:files AS uuid[]), state = :state,
  done_at = CASE WHEN :state = 1 THEN now() END
WHERE tenant_id = :tenant_id AND id = :id
""")

_NAMED: Final = text("""
SELECT id, end_user, final_state IS NOT NULL AS ended FROM job
WHERE tenant_id = :tenant_id AND id > :after AND id < :beyond
  AND created_at < COALESCE(CAST(:until AS timestamptz), 'infinity')
ORDER BY id LIMIT :limit
""")

_PEOPLE: Final = text("""
SELECT id, end_user FROM job WHERE tenant_id = :tenant_id AND id = ANY (CAST(:ids AS uuid[]))
""")

_ENDED: Final = text("""
SELECT id FROM job WHERE tenant_id = :tenant_id AND id = ANY (CAST(:ids AS uuid[]))
  AND final_state IS NOT NULL
""")

_HELD_JOBS: Final = text("""
SELECT j.id, j.end_user, p.body AS payload, r.body AS result
FROM legal_hold h JOIN job j ON j.id = h.job_id AND j.tenant_id = h.tenant_id
LEFT JOIN payload p ON p.job_id = j.id LEFT JOIN result r ON r.job_id = j.id
WHERE h.tenant_id = :tenant_id AND h.released_at IS NULL AND j.end_user = :end_user
""")

_RESEAL: Final = {
    table: text(
        f"UPDATE {table} SET body = CAST(:body AS jsonb) FROM job j WHERE job_id = :id"
        " AND j.id = :id AND j.tenant_id = :tenant_id"
    )
    for table in ("payload", "result")
}

_TRACES: Final = (
    text("""
DELETE FROM safety_evidence e WHERE tenant_id = :tenant_id AND subject = :subject AND NOT held
  AND NOT EXISTS (SELECT 1 FROM legal_hold h WHERE h.tenant_id = e.tenant_id
    AND h.released_at IS NULL AND h.job_id = e.job_id)
"""),
    text("DELETE FROM safety_strike WHERE tenant_id = :tenant_id AND subject = :subject"),
    text("""
UPDATE job_report SET reporter = NULL, note = NULL
WHERE tenant_id = :tenant_id AND reporter = :subject
"""),
)


@dataclass(frozen=True, slots=True)
class NamedJob:
    """A job, and whom it names."""

    id: UUID
    end_user: str | None
    ended: bool


@dataclass(frozen=True, slots=True)
class HeldJob:
    """A job on hold, with its bodies as they are stored."""

    id: UUID
    payload: Mapping[str, Any] | None
    result: Mapping[str, Any] | None


async def add_erasure(
    connection: AsyncConnection,
    tenant_id: int,
    subject: bytes,
    *,
    state: ErasureState,
    asked_by: str,
) -> Erasure:
    """Ask for an erasure, or keep that it was refused."""
    values = {
        "tenant_id": tenant_id,
        "subject": subject,
        "state": int(state),
        "asked_by": asked_by,
    }
    return _erasure((await connection.execute(_ADD, values)).one())


async def get_erasure(
    connection: AsyncConnection, tenant_id: int, erasure_id: UUID
) -> Erasure | None:
    """Return a tenant's erasure; ``None`` if it has none such."""
    values = {"tenant_id": tenant_id, "id": erasure_id}
    row = (await connection.execute(_ONE, values)).one_or_none()
    return None if row is None else _erasure(row)


async def list_erasures(
    connection: AsyncConnection, tenant_id: int, *, limit: int
) -> list[Erasure]:
    """Return a tenant's erasures, newest first."""
    rows = await connection.execute(_LIST, {"tenant_id": tenant_id, "limit": limit})
    return [_erasure(row) for row in rows]


async def waiting_erasures(
    connection: AsyncConnection, *, after: UUID, seconds: float, limit: int
) -> list[Erasure]:
    """Return what was asked for ``seconds`` ago, past ``after``, and is not done, by id."""
    values = {"after": after, "seconds": seconds, "limit": limit}
    rows = await connection.execute(_WAITING, values)
    return [_erasure(row) for row in rows]


async def hold_step(connection: AsyncConnection, erasure: Erasure) -> bool:
    """Lock an erasure that is as far as it was; false: somebody else went on with it."""
    values = {
        "tenant_id": erasure.tenant_id,
        "id": erasure.id,
        "stage": int(erasure.stage),
        "after": erasure.after,
    }
    return (await connection.execute(_LOCK, values)).one_or_none() is not None


async def move_on(
    connection: AsyncConnection,
    erasure: Erasure,
    *,
    after: UUID | None,
    stage: ErasureStage | None = None,
    counts: Mapping[str, int] | None = None,
    files: Sequence[UUID] | None = None,
    state: ErasureState = ErasureState.WAITING,
) -> None:
    """Keep how far an erasure has come; what is not given stays."""
    counted = erasure.counts if counts is None else counts
    values = {
        "tenant_id": erasure.tenant_id,
        "id": erasure.id,
        "stage": int(erasure.stage if stage is None else stage),
        "after": after,
        "counts": orjson.dumps(counted).decode(),
        "files": list(erasure.files if files is None else files),
        "state": int(state),
    }
    await connection.execute(_MOVE, values)


async def jobs_with_names(
    connection: AsyncConnection,
    tenant_id: int,
    *,
    after: UUID,
    until: datetime | None = None,
    limit: int,
) -> list[NamedJob]:
    """Return a tenant's jobs with the people they name, made before ``until``, oldest first."""
    # The API's clock makes the ids, PostgreSQL's the instants.
    beyond = first_key(until + _SLACK) if until else _LAST
    values = {
        "tenant_id": tenant_id,
        "after": after,
        "until": until,
        "beyond": beyond,
        "limit": limit,
    }
    rows = await connection.execute(_NAMED, values)
    return [NamedJob(row.id, row.end_user, row.ended) for row in rows]


async def people_of(
    connection: AsyncConnection, tenant_id: int, job_ids: Sequence[UUID]
) -> dict[UUID, str | None]:
    """Return who asked for these jobs of a tenant."""
    values = {"tenant_id": tenant_id, "ids": list(job_ids)}
    return {row.id: row.end_user for row in await connection.execute(_PEOPLE, values)}


async def ended_of(
    connection: AsyncConnection, tenant_id: int, job_ids: Sequence[UUID]
) -> set[UUID]:
    """Return which of these jobs have ended."""
    values = {"tenant_id": tenant_id, "ids": list(job_ids)}
    return set((await connection.execute(_ENDED, values)).scalars())


async def held_jobs(
    connection: AsyncConnection, tenant_id: int, end_user: str
) -> list[HeldJob]:
    """Return a person's jobs that are on hold one by one."""
    values = {"tenant_id": tenant_id, "end_user": end_user}
    rows = await connection.execute(_HELD_JOBS, values)
    return [HeldJob(row.id, row.payload, row.result) for row in rows]


async def put_body(
    connection: AsyncConnection, tenant_id: int, table: str, job_id: UUID, body: str
) -> None:
    """Replace a job's sealed ``payload`` or ``result``, by a JSON text."""
    values = {"tenant_id": tenant_id, "id": job_id, "body": body}
    await connection.execute(_RESEAL[table], values)


async def forget_traces(connection: AsyncConnection, tenant_id: int, subject: bytes) -> None:
    """Delete evidence that no hold keeps, strikes, and who reported what."""
    for statement in _TRACES:
        await connection.execute(statement, {"tenant_id": tenant_id, "subject": subject})


def _erasure(row: Row[Any]) -> Erasure:
    return Erasure(
        id=row.id,
        tenant_id=row.tenant_id,
        subject=bytes(row.subject),
        state=ErasureState(row.state),
        asked_at=row.asked_at,
        asked_by=row.asked_by,
        done_at=row.done_at,
        after=row.after,
        counts=row.counts,
        stage=ErasureStage(row.stage),
        files=tuple(row.files),
    )

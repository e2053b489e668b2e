"""Dead letters: jobs that used up their attempts and were not sent again. All of one tenant."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.lineage import repeat_lineage
from infra.postgres.sealed_content import Body, Opened, open_bodies
from infra.postgres.submit import NewJob, insert_jobs
from schemas import generation, lanes
from schemas.cache import CacheMode
from schemas.dead_letter import DeadLetter, DeadLetterFilter, DeadLetterGroup, Death
from schemas.job_states import AttemptOutcome, JobState

# A count or a grouping looks at no more than this, or a dashboard could hold up the queue.
MOST_COUNTED: Final = 100_000
_SAMPLES: Final = 3

# The first line is the condition of ix_job_dead.
_MATCHING: Final = """
FROM job j WHERE j.final_state = 12 AND j.redriven_by IS NULL AND j.tenant_id = :tenant_id
  AND (CAST(:code AS text) IS NULL OR j.error ->> 'code' = :code)
  AND (CAST(:model AS text) IS NULL OR j.model = :model)
  AND (CAST(:kind AS smallint) IS NULL OR j.kind = :kind)
  AND (CAST(:lane AS smallint) IS NULL OR j.lane = :lane)
  AND (CAST(:since AS timestamptz) IS NULL OR j.finished_at >= :since)
  AND (CAST(:until AS timestamptz) IS NULL OR j.finished_at < :until)
  AND j.id < COALESCE(CAST(:before AS uuid), 'ffffffff-ffff-ffff-ffff-ffffffffffff')
"""
_COLUMNS: Final = """
j.id, j.kind, j.model, j.lane, j.priority, j.created_at, j.finished_at, j.attempts, j.error,
j.metadata AS labels, j.tags, j.end_user, j.redrive_of, j.redriven_by
"""

_LIST: Final = text(f"""
SELECT {_COLUMNS}, NULL AS body {_MATCHING}
ORDER BY j.id DESC LIMIT :limit
""")

_OLDEST: Final = text(f"""
WITH x AS MATERIALIZED (
  SELECT {_COLUMNS} {_MATCHING}
    AND j.id > COALESCE(CAST(:after AS uuid), '00000000-0000-0000-0000-000000000000')
  ORDER BY j.id LIMIT :limit)
SELECT x.*, p.body FROM x JOIN payload p ON p.job_id = x.id ORDER BY x.id
""")

_COUNT: Final = text(f"SELECT count(*) FROM (SELECT 1 {_MATCHING} LIMIT :limit) n")

_GROUPS: Final = text(f"""
WITH x AS MATERIALIZED (
  SELECT j.id, COALESCE(j.error ->> 'code', '') AS code, j.model, j.kind, j.finished_at
  {_MATCHING} ORDER BY j.id DESC LIMIT :limit),
g AS (
  SELECT code, model, kind, count(*) AS size, min(finished_at) AS first_at,
    max(finished_at) AS last_at, (array_agg(id ORDER BY id DESC))[1:{_SAMPLES}] AS sample
  FROM x GROUP BY code, model, kind)
SELECT g.*, COALESCE(j.error ->> 'message', '') AS message
FROM g JOIN job j ON j.id = g.sample[1] ORDER BY g.size DESC, g.code, g.model, g.kind
""")

_ONE: Final = text(f"""
SELECT {_COLUMNS}, p.body FROM job j JOIN payload p ON p.job_id = j.id
WHERE j.id = :id AND j.tenant_id = :tenant_id AND j.final_state = 12
""")

_HISTORY: Final = text("""
SELECT n, outcome, started_at, ended_at, detail FROM attempt WHERE job_id = :id ORDER BY fence
""")

# Locked in one order, so that two redrives of the same group cannot wait for each other; the
# one that waited looks at the condition again and finds them taken.
_TAKE: Final = text("""
WITH n AS (
  SELECT * FROM unnest(CAST(:dead AS uuid[]), CAST(:new AS uuid[])) AS n(dead, new)),
x AS MATERIALIZED (
  SELECT j.id FROM job j
  WHERE j.id = ANY (CAST(:dead AS uuid[]))
    AND j.tenant_id = :tenant_id AND j.final_state = ANY (CAST(:states AS smallint[]))
    AND j.redriven_by IS NULL
  ORDER BY j.id FOR NO KEY UPDATE OF j)
UPDATE job SET redriven_by = n.new FROM n JOIN x ON x.id = n.dead
WHERE job.id = n.dead
RETURNING job.id
""")


async def list_dead_letters(
    connection: AsyncConnection,
    tenant_id: int,
    wanted: DeadLetterFilter,
    *,
    limit: int,
    before: UUID | None = None,
) -> list[DeadLetter]:
    """Return dead letters, newest job first, without what was asked of the model."""
    values = {**_values(tenant_id, wanted), "limit": limit, "before": before}
    return [_letter(row, Opened({})) for row in await connection.execute(_LIST, values)]


async def oldest_dead_letters(
    connection: AsyncConnection,
    tenant_id: int,
    wanted: DeadLetterFilter,
    *,
    limit: int,
    before: UUID,
    after: UUID | None = None,
) -> list[DeadLetter]:
    """Return dead letters, oldest job first, with all that is needed to send them again.

    Only jobs whose ids lie between ``after`` and ``before``.
    """
    values = {**_values(tenant_id, wanted), "limit": limit, "before": before, "after": after}
    rows = (await connection.execute(_OLDEST, values)).all()
    opened = await _opened(connection, tenant_id, rows)
    return [_letter(row, one) for row, one in zip(rows, opened, strict=True)]


async def count_dead_letters(
    connection: AsyncConnection, tenant_id: int, wanted: DeadLetterFilter, *, before: UUID
) -> int:
    """Return how many fit and have an id below ``before``, ``MOST_COUNTED`` at the most."""
    values = {**_values(tenant_id, wanted), "limit": MOST_COUNTED, "before": before}
    return (await connection.execute(_COUNT, values)).scalar_one()


async def group_dead_letters(
    connection: AsyncConnection, tenant_id: int, wanted: DeadLetterFilter
) -> list[DeadLetterGroup]:
    """Return the newest ``MOST_COUNTED`` dead letters by cause, the largest group first."""
    values = {**_values(tenant_id, wanted), "limit": MOST_COUNTED, "before": None}
    return [
        DeadLetterGroup(
            code=row.code,
            model=row.model,
            kind=generation.BY_NUMBER[row.kind],
            count=row.size,
            first_at=row.first_at,
            last_at=row.last_at,
            message=row.message,
            sample=row.sample,
        )
        for row in await connection.execute(_GROUPS, values)
    ]


async def get_dead_letter(
    connection: AsyncConnection, tenant_id: int, job_id: UUID
) -> DeadLetter | None:
    """Return a tenant's dead letter with its history, whether or not it was sent again.

    ``None`` if the tenant has no such job, or it is not dead.
    """
    found = await connection.execute(_ONE, {"id": job_id, "tenant_id": tenant_id})
    row = found.one_or_none()
    if row is None:
        return None
    deaths = await connection.execute(_HISTORY, {"id": job_id})
    (opened,) = await _opened(connection, tenant_id, [row])
    return _letter(row, opened, [_death(death) for death in deaths])


async def replace_dead_letters(
    connection: AsyncConnection,
    tenant_id: int,
    jobs: Sequence[NewJob],
    *,
    idempotency_ttl: timedelta,
    states: Sequence[JobState] = (JobState.DEAD,),
) -> list[NewJob]:
    """Insert jobs in place of dead ones, each dead one at most once, ever.

    Args:
        connection: A transaction: the dead job and the new one change together, or not at all.
        tenant_id: Whose they are.
        jobs: Each names the dead job in ``redrive_of``.
        idempotency_ttl: As ``insert_jobs`` wants it; these jobs carry no key.
        states: How the others may have ended.

    Returns:
        The jobs that were inserted. The dead job of a missing one was replaced before.
    """
    by_dead = {job.redrive_of: job for job in jobs if job.redrive_of is not None}
    if not by_dead:
        return []
    taken = await connection.execute(
        _TAKE,
        {
            "tenant_id": tenant_id,
            "states": [int(state) for state in states],
            "dead": list(by_dead),
            "new": [job.id for job in by_dead.values()],
        },
    )
    # In the order of the dead, oldest first: the new ids were made in that order.
    new = sorted((by_dead[row.id] for row in taken), key=lambda job: job.id)
    if new:
        await insert_jobs(connection, new, idempotency_ttl=idempotency_ttl)
        repeated = [(job.redrive_of, job.id) for job in new if job.redrive_of is not None]
        await repeat_lineage(connection, tenant_id, repeated)
    return new


def _values(tenant_id: int, wanted: DeadLetterFilter) -> dict[str, Any]:
    return {
        "tenant_id": tenant_id,
        "code": wanted.code,
        "model": wanted.model,
        "kind": wanted.kind.number if wanted.kind else None,
        "lane": wanted.lane.number if wanted.lane else None,
        "since": wanted.since,
        "until": wanted.until,
    }


async def _opened(
    connection: AsyncConnection, tenant_id: int, rows: Sequence[Row[Any]]
) -> list[Opened]:
    bodies = [Body("payload", tenant_id, row.id, row.body) for row in rows]
    return await open_bodies(connection, bodies)


def _letter(row: Row[Any], asked: Opened, history: Sequence[Death] = ()) -> DeadLetter:
    payload = asked.required()
    return DeadLetter(
        id=row.id,
        kind=generation.BY_NUMBER[row.kind],
        model=row.model,
        lane=lanes.BY_NUMBER[row.lane],
        priority=row.priority,
        created_at=row.created_at,
        died_at=row.finished_at,
        attempts=row.attempts,
        error=row.error,
        metadata=row.labels or {},
        end_user=row.end_user,
        tags=row.tags or (),
        redrive_of=row.redrive_of,
        redriven_by=row.redriven_by,
        input=payload.get("input", {}),
        webhook=payload.get("webhook"),
        channels=payload.get("channels") or (),
        cache=CacheMode(payload.get("cache", CacheMode.AUTO)),
        requires=payload.get("requires") or (),
        typed=payload.get("typed"),
        history=history,
        erased=asked.erased,
    )


def _death(row: Row[Any]) -> Death:
    return Death(row.n, AttemptOutcome(row.outcome), row.started_at, row.ended_at, row.detail)

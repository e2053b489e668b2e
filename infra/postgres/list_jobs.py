"""Jobs by filter, newest first. Every query is of one tenant, and none reads a whole table.

The index on tenant and id gives the order; tags and metadata have indexes of their own, and the
planner takes the one that is cheaper. What it may not do is read a partition from end to end,
which it thinks cheap as soon as most of a partition is of one tenant.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.partitions import first_key
from infra.postgres.read_jobs import JOB_COLUMNS, JOB_JOINS, jobs_of_rows
from infra.postgres.short_looks import look_shortly, narrow_enough
from schemas.generation import Kind
from schemas.job import JobRecord
from schemas.job_filter import JobFilter
from schemas.job_states import JobState, status_of

MOST_COUNTED: Final = 10_000

# Clocks differ: that of the API makes the ids, that of PostgreSQL the instants.
_SLACK: Final = timedelta(hours=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

# A page of jobs that made vectors could be gigabytes, and shows none of them. What is left
# where content was erased is short.
_SHORT: Final = 65_536
_RESULT: Final = "r.body AS result"
_COLUMNS: Final = JOB_COLUMNS.replace(
    _RESULT,
    f"CASE WHEN j.kind <> {Kind.EMBEDDING.number} OR pg_column_size(r.body) < {_SHORT}"
    " THEN r.body END AS result",
)

# The page is found first, then its jobs are read one by one, whatever the planner thinks of it.
_PAGE: Final = """
WITH page AS MATERIALIZED (
  SELECT j.id FROM job j WHERE {conditions} ORDER BY j.id DESC LIMIT :limit)
{columns}
FROM page CROSS JOIN LATERAL (SELECT * FROM job WHERE id = page.id LIMIT 1) j
{joins}
ORDER BY j.id DESC
"""

# A job's row of live is looked up by its key, for one job at a time, and only where it matters.
_LIVE: Final = "(SELECT l.{column} FROM live l WHERE l.job_id = j.id)"

_ENDED: Final = "j.final_state = ANY (CAST(:finals AS smallint[]))"
_UNENDED: Final = (
    "j.final_state IS NULL AND "
    + _LIVE.format(column="state")
    + " = ANY (CAST(:lives AS smallint[]))"
)
_ATTEMPTS: Final = (
    "(j.attempts >= :attempts_min OR j.final_state IS NULL AND "
    + _LIVE.format(column="attempt")
    + " >= :attempts_min)"
)


def _narrow_enough() -> AbstractContextManager[None]:
    return narrow_enough("jobs", "created_after, status or a tag")


@dataclass(frozen=True, slots=True)
class Total:
    """How many jobs fit; ``exact`` up to ``MOST_COUNTED``, else as the planner thinks."""

    jobs: int
    exact: bool


async def list_jobs(
    connection: AsyncConnection,
    tenant_id: int,
    wanted: JobFilter,
    *,
    limit: int,
    before: UUID | None = None,
) -> list[JobRecord]:
    """Return a tenant's jobs that fit, newest first, older than ``before``.

    Args:
        connection: A transaction: how it plans is set for the rest of it.
        tenant_id: Whose jobs.
        wanted: Which.
        limit: The most.
        before: The last job of the page before.
    """
    conditions, values = _conditions(tenant_id, wanted, before)
    page = _PAGE.format(conditions=conditions, columns=_COLUMNS, joins=JOB_JOINS)
    await look_shortly(connection)
    with _narrow_enough():
        rows = await connection.execute(text(page), values | {"limit": limit})
    return await jobs_of_rows(connection, rows.all())


async def list_job_ids(
    connection: AsyncConnection,
    tenant_id: int,
    wanted: JobFilter,
    *,
    limit: int,
    before: UUID | None = None,
    repeatable: bool = False,
) -> list[UUID]:
    """Return the ids of such jobs; as ``list_jobs``.

    Args:
        connection: A transaction.
        tenant_id: Whose jobs.
        wanted: Which.
        limit: The most.
        before: The last job of the page before.
        repeatable: Only jobs that no other one repeats.
    """
    conditions, values = _conditions(tenant_id, wanted, before)
    if repeatable:
        conditions += " AND j.redriven_by IS NULL"
    await look_shortly(connection)
    query = text(f"SELECT j.id FROM job j WHERE {conditions} ORDER BY j.id DESC LIMIT :limit")
    with _narrow_enough():
        found = await connection.execute(query, values | {"limit": limit})
    return [row.id for row in found]


async def count_jobs(
    connection: AsyncConnection, tenant_id: int, wanted: JobFilter, *, repeatable: bool = False
) -> Total:
    """Return how many jobs fit, on all pages; cheap, however many these are."""
    conditions, values = _conditions(tenant_id, wanted, None)
    if repeatable:
        conditions += " AND j.redriven_by IS NULL"
    fitting = f"SELECT 1 FROM job j WHERE {conditions}"
    await look_shortly(connection)
    capped = text(f"SELECT count(*) FROM ({fitting} LIMIT :limit) n")
    with _narrow_enough():
        counted = await connection.execute(capped, values | {"limit": MOST_COUNTED + 1})
    jobs: int = counted.scalar_one()
    if jobs <= MOST_COUNTED:
        return Total(jobs, exact=True)
    plan = await connection.execute(text(f"EXPLAIN (FORMAT JSON) {fitting}"), values)
    reckoned = int(plan.scalar_one()[0]["Plan"]["Plan Rows"])
    return Total(max(jobs, reckoned), exact=False)


def _conditions(
    tenant_id: int, wanted: JobFilter, before: UUID | None
) -> tuple[str, dict[str, Any]]:
    """Return the conditions of a query on ``job j``, only what is asked for, and the values."""
    given: dict[str, tuple[str, Any]] = {
        "tenant_id": ("j.tenant_id = :tenant_id", tenant_id),
        "before": ("j.id < :before", before),
        "lanes": (
            "j.lane = ANY (CAST(:lanes AS smallint[]))",
            [lane.number for lane in wanted.lane],
        ),
        "kinds": (
            "j.kind = ANY (CAST(:kinds AS smallint[]))",
            [kind.number for kind in wanted.kind],
        ),
        "model": ("j.model = :model", wanted.model),
        "tags": ("j.tags @> CAST(:tags AS text[])", list(wanted.tag)),
        "labels": (
            "j.metadata @> CAST(:labels AS jsonb)",
            orjson.dumps(wanted.metadata).decode() if wanted.metadata else None,
        ),
        "end_user": ("j.end_user = :end_user", wanted.end_user),
        "error_code": ("j.error ->> 'code' = :error_code", wanted.error_code),
        "attempts_min": (_ATTEMPTS, wanted.attempts_min),
        "created_after": ("j.created_at >= :created_after", wanted.created_after),
        "created_before": ("j.created_at < :created_before", wanted.created_before),
        "lowest": ("j.id >= :lowest", _key_near(wanted.created_after, -_SLACK)),
        "highest": ("j.id < :highest", _key_near(wanted.created_before, _SLACK)),
        "schedule_id": ("j.schedule_id = :schedule_id", wanted.schedule_key),
        "batch_id": ("j.batch_id = :batch_id", wanted.batch_key),
    }
    told = {name: one for name, one in given.items() if one[1] not in (None, [])}
    conditions = [condition for condition, _ in told.values()]
    values = {name: value for name, (_, value) in told.items()}
    of_status, states = _status(wanted)
    return " AND ".join(conditions + of_status), values | states


def _status(wanted: JobFilter) -> tuple[list[str], dict[str, list[int]]]:
    if not wanted.status:
        return [], {}
    states = [state for state in JobState if status_of(state) in wanted.status]
    finals = [int(state) for state in states if state.final]
    lives = [int(state) for state in states if not state.final]
    if not lives:
        return [_ENDED], {"finals": finals}
    if not finals:
        return [_UNENDED], {"lives": lives}
    return [f"({_ENDED} OR {_UNENDED})"], {"finals": finals, "lives": lives}


def _key_near(moment: datetime | None, slack: timedelta) -> UUID | None:
    """Return a bound for ids, so that only the partitions around the instant are looked at."""
    return None if moment is None else first_key(max(moment, _EPOCH + _SLACK) + slack)

"""Batches as lists and summaries show them. Every query is of one tenant."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.batch_rows import BATCH_COLUMNS, batch_of_row
from schemas.batch import LINE_ERRORS, BatchStatus, LineOutcome
from schemas.batch_record import BatchRecord
from schemas.batch_view import LineFaults

MOST_FAULTS: Final = 2_000
"""So many lines without success are looked at: whoever follows a batch asks every second."""
_LONGEST_MESSAGE: Final = 300


@dataclass(frozen=True, slots=True)
class PageEnd:
    """Where a page of lines ends.

    Attributes:
        last: The ``seq`` of its last line; ``None``: it has none.
        lines: How many it has.
    """

    last: int | None
    lines: int


_LIST: Final = text(f"""
SELECT {BATCH_COLUMNS} FROM batch b
WHERE b.tenant_id = :tenant_id
  AND (CAST(:before AS uuid) IS NULL OR b.id < CAST(:before AS uuid))
ORDER BY b.id DESC LIMIT :limit
""")

_OPEN: Final = text(f"""
SELECT count(*) FROM batch b
WHERE b.status < {BatchStatus.COMPLETED:d} AND b.tenant_id = :tenant_id
""")

# The jobs are looked up one by one: whatever the planner believes of their number, it is to
# read no table of them from end to end.
_FAULTS: Final = text(f"""
WITH x AS MATERIALIZED (
  SELECT l.line, l.custom_id, l.job_id, l.answer, l.seq, l.outcome
  FROM batch b JOIN batch_line l ON l.batch_id = b.id
  WHERE b.id = :batch_id AND b.tenant_id = :tenant_id
    AND l.seq IS NOT NULL AND l.outcome > {LineOutcome.SUCCEEDED:d}
  ORDER BY l.seq LIMIT :most),
y AS (
  SELECT x.*,
    COALESCE(j.error->>'code', x.answer->'body'->'error'->>'code',
      CASE x.outcome WHEN {LineOutcome.EXPIRED:d} THEN CAST(:expired AS text)
        WHEN {LineOutcome.CANCELLED:d} THEN CAST(:cancelled AS text) ELSE 'unknown' END) AS code,
    COALESCE(j.error->>'message', x.answer->'body'->'error'->>'message') AS message
  FROM x LEFT JOIN LATERAL (
    SELECT error FROM job WHERE id = x.job_id AND tenant_id = :tenant_id LIMIT 1) j ON true)
SELECT DISTINCT ON (code) code, count(*) OVER (PARTITION BY code) AS count, custom_id, line,
  left(message, :longest) AS message
FROM y ORDER BY code, seq
""")

_PAGE_END: Final = """
SELECT max(seq) AS last, count(*) AS lines FROM (
  SELECT l.seq FROM batch b JOIN batch_line l ON l.batch_id = b.id
  WHERE b.id = :batch_id AND b.tenant_id = :tenant_id AND l.seq > :after {condition}
  ORDER BY l.seq LIMIT :limit) p
"""
_CONDITIONS: Final = {
    None: "",
    True: f"AND l.outcome = {LineOutcome.SUCCEEDED:d}",
    False: f"AND l.outcome > {LineOutcome.SUCCEEDED:d}",
}
_PAGE_ENDS: Final = {
    which: text(_PAGE_END.format(condition=condition))
    for which, condition in _CONDITIONS.items()
}


async def list_batches(
    connection: AsyncConnection, tenant_id: int, *, limit: int, before: UUID | None = None
) -> list[BatchRecord]:
    """Return a tenant's batches, newest first, made before ``before``."""
    values = {"tenant_id": tenant_id, "limit": limit, "before": before}
    return [batch_of_row(row) for row in await connection.execute(_LIST, values)]


async def count_open_batches(connection: AsyncConnection, tenant_id: int) -> int:
    """Return how many batches of a tenant have not ended."""
    return (await connection.execute(_OPEN, {"tenant_id": tenant_id})).scalar_one()


async def line_faults(
    connection: AsyncConnection, tenant_id: int, batch_id: UUID
) -> Sequence[LineFaults]:
    """Return why lines ended without success: groups by code, the largest first.

    The first ``MOST_FAULTS`` of them are looked at.
    """
    words = LINE_ERRORS
    rows = await connection.execute(
        _FAULTS,
        {
            "tenant_id": tenant_id,
            "batch_id": batch_id,
            "most": MOST_FAULTS,
            "longest": _LONGEST_MESSAGE,
            "expired": words[LineOutcome.EXPIRED][0],
            "cancelled": words[LineOutcome.CANCELLED][0],
        },
    )
    told = dict(words.values())
    groups = [
        LineFaults(
            row.code,
            row.count,
            row.custom_id,
            row.line,
            row.message or told.get(row.code, ""),
        )
        for row in rows
    ]
    return sorted(groups, key=lambda group: (-group.count, group.code))


async def page_end(
    connection: AsyncConnection,
    tenant_id: int,
    batch_id: UUID,
    *,
    after: int,
    limit: int,
    succeeded: bool | None = None,
) -> PageEnd:
    """Return where a page of ended lines ends.

    Args:
        connection: To read with.
        tenant_id: Whose batch it is.
        batch_id: Which.
        after: The ``seq`` behind which it begins.
        limit: How many lines it may have.
        succeeded: Only lines that succeeded, or only the others; ``None``: all.
    """
    values = {"tenant_id": tenant_id, "batch_id": batch_id, "after": after, "limit": limit}
    row = (await connection.execute(_PAGE_ENDS[succeeded], values)).one()
    return PageEnd(row.last, row.lines)

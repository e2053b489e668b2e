"""Batches as lists and summaries show them. Every query is of one tenant."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.batch_lines import LINE_COLUMNS, BatchLine, line_of_row
from infra.postgres.batch_rows import BATCH_COLUMNS, batch_of_row
from schemas.batch import LINE_ERASED, LINE_ERRORS, BatchStatus, LineOutcome
from schemas.batch_record import BatchRecord
from schemas.batch_view import LineFaults

MOST_FAULTS: Final = 2_000
"""So many lines without success are looked at: whoever follows a batch asks every second."""
_LONGEST_MESSAGE: Final = 300


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
  SELECT l.line, l.custom_id, l.job_id, l.answer, l.seq, l.outcome, l.erased_by
  FROM batch b JOIN batch_line l ON l.batch_id = b.id
  WHERE b.id = :batch_id AND b.tenant_id = :tenant_id
    AND l.seq IS NOT NULL AND l.outcome > {LineOutcome.SUCCEEDED:d}
  ORDER BY l.seq LIMIT :most),
y AS (
  SELECT x.*,
    CASE WHEN x.erased_by IS NOT NULL THEN CAST(:erased AS text)
      WHEN x.outcome = {LineOutcome.EXPIRED:d} THEN CAST(:expired AS text)
      WHEN x.outcome = {LineOutcome.CANCELLED:d} THEN CAST(:cancelled AS text)
      ELSE COALESCE(j.error->>'code', x.answer->'body'->'error'->>'code',
        x.answer->'error'->>'code', 'unknown') END AS code,
    COALESCE(j.error->>'message', x.answer->'body'->'error'->>'message',
      x.answer->'error'->>'message') AS message
  FROM x LEFT JOIN LATERAL (
    SELECT error FROM job WHERE id = x.job_id AND tenant_id = :tenant_id LIMIT 1) j ON true)
SELECT DISTINCT ON (code) code, count(*) OVER (PARTITION BY code) AS lines, custom_id, line,
  left(message, :longest) AS message
FROM y ORDER BY code, seq
""")

_PAGE: Final = """
SELECT {columns}
FROM batch b JOIN batch_line l ON l.batch_id = b.id
WHERE b.id = :batch_id AND b.tenant_id = :tenant_id
  AND l.seq > :after AND l.seq <= :last {which}
ORDER BY l.seq LIMIT :limit
"""
_WHICH: Final = {
    None: "",
    True: f"AND l.outcome = {LineOutcome.SUCCEEDED:d}",
    False: f"AND l.outcome > {LineOutcome.SUCCEEDED:d}",
}
_PAGES: Final = {
    which: text(_PAGE.format(which=said, columns=LINE_COLUMNS))
    for which, said in _WHICH.items()
}
_NEWEST: Final = text("""
SELECT max(l.seq) FROM batch b JOIN batch_line l ON l.batch_id = b.id
WHERE b.id = :batch_id AND b.tenant_id = :tenant_id AND l.seq IS NOT NULL
""")
_LAST: Final = """
SELECT p.seq FROM (
  SELECT l.seq FROM batch b JOIN batch_line l ON l.batch_id = b.id
  WHERE b.id = :batch_id AND b.tenant_id = :tenant_id AND l.seq > :after {which}
  ORDER BY l.seq LIMIT :limit) p
OFFSET :limit - 1
"""
_LASTS: Final = {which: text(_LAST.format(which=said)) for which, said in _WHICH.items()}


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
            "erased": LINE_ERASED[0],
        },
    )
    told = dict([*words.values(), LINE_ERASED])
    groups = [
        LineFaults(
            row.code,
            row.lines,
            row.custom_id,
            row.line,
            told.get(row.code) or row.message or "",
        )
        for row in rows
    ]
    return sorted(groups, key=lambda group: (-group.count, group.code))


async def last_seq(
    connection: AsyncConnection,
    tenant_id: int,
    batch_id: UUID,
    *,
    after: int,
    limit: int | None,
    succeeded: bool | None = None,
) -> int:
    """Return the ``seq`` up to which a page of ended lines goes: the ``after`` of the next one.

    Args:
        connection: To read with.
        tenant_id: Whose batch it is.
        batch_id: Which.
        after: The ``seq`` behind which it begins.
        limit: How many lines it may have; ``None``: all that have ended.
        succeeded: Only lines that succeeded, or only the others; ``None``: all.
    """
    values = {"tenant_id": tenant_id, "batch_id": batch_id}
    if limit is not None:
        asked = {**values, "after": after, "limit": limit}
        last = (await connection.execute(_LASTS[succeeded], asked)).scalar_one_or_none()
        if last is not None:
            return last
    # Fewer lines than may be: everything is looked at that has ended.
    newest = (await connection.execute(_NEWEST, values)).scalar_one()
    return max(after, newest or 0)


async def ended_lines(
    connection: AsyncConnection,
    tenant_id: int,
    batch_id: UUID,
    *,
    after: int,
    last: int,
    limit: int,
    succeeded: bool | None = None,
) -> list[BatchLine]:
    """Return lines in the order in which they ended, ``after < seq <= last``.

    Args:
        connection: To read with.
        tenant_id: Whose batch it is.
        batch_id: Which.
        after: The ``seq`` behind which to begin.
        last: The ``seq`` up to which to go.
        limit: How many at the most.
        succeeded: Only lines that succeeded, or only the others; ``None``: all.
    """
    values = {
        "tenant_id": tenant_id,
        "batch_id": batch_id,
        "after": after,
        "last": last,
        "limit": limit,
    }
    return [line_of_row(row) for row in await connection.execute(_PAGES[succeeded], values)]

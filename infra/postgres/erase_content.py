"""Content that goes: of jobs whose time is over, or whose person is erased.

What was counted, charged and decided stays; what was asked, made and told goes.
"""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.cache import forget_jobs
from infra.postgres.chat_erasure import forget_chats_of
from infra.postgres.job_files import leave_files_of
from infra.postgres.sealed_content import ERASED

# The bounds let PostgreSQL leave out all partitions but the jobs' own.
_OF = "job_id = ANY (CAST(:ids AS uuid[])) AND job_id BETWEEN :low AND :high"
_GONE = f"""'{{"{ERASED}": true}}'"""

_PROMPTS: Final = (
    text(f"""
UPDATE payload SET body = CASE WHEN CAST(:person AS boolean) THEN CAST({_GONE} AS jsonb)
  ELSE (body - 'input' - 'typed' - 'sealed') || CAST({_GONE} AS jsonb) END
WHERE {_OF} AND (CAST(:person AS boolean) OR body -> '{ERASED}' IS NULL OR body ? 'typed')
"""),
    # What the model saw of them, where that was another form.
    text(f"UPDATE result SET body = body - 'told' WHERE {_OF} AND body ? 'told'"),
)

_RESULTS: Final = (
    text(f"""
UPDATE result SET artifacts = NULL, body = CAST({_GONE} AS jsonb) || jsonb_strip_nulls(
  jsonb_build_object('usage', body -> 'usage', 'served_by', body -> 'served_by',
    'facts', body -> 'facts'))
WHERE {_OF} AND (body IS NULL OR body -> '{ERASED}' IS NULL)
"""),
    text(f"""
WITH o AS (
  UPDATE outbox SET body = '', thin = CASE WHEN thin IS NOT NULL THEN CAST('' AS bytea) END
  WHERE {_OF} AND octet_length(body) > 0 RETURNING id)
UPDATE delivery_attempt SET answer_body = NULL FROM o
WHERE event_id = o.id AND answer_body IS NOT NULL
"""),
    text(f"""
UPDATE attempt SET detail = jsonb_set(detail, '{{message}}', '"{ERASED}"')
WHERE {_OF} AND detail ? 'message'
"""),
    text("""
UPDATE review_item SET pending = NULL
WHERE job_id = ANY (CAST(:ids AS uuid[])) AND pending IS NOT NULL
"""),
    text("UPDATE appeal SET body = NULL WHERE job_id = ANY (CAST(:ids AS uuid[]))"),
    text("UPDATE job_report SET note = NULL WHERE job_id = ANY (CAST(:ids AS uuid[]))"),
    text("""
UPDATE review_decision d SET note = NULL, sealed_note = NULL FROM review_item i
WHERE i.id = d.item_id AND i.job_id = ANY (CAST(:ids AS uuid[]))
  AND (d.note IS NOT NULL OR d.sealed_note IS NOT NULL)
"""),
)

_JOBS: Final = text(f"""
UPDATE job SET erased_at = CASE
    WHEN EXISTS (SELECT 1 FROM payload p WHERE p.job_id = job.id
        AND p.body -> '{ERASED}' IS NULL)
      OR EXISTS (SELECT 1 FROM result r WHERE r.job_id = job.id
        AND (r.body IS NULL OR r.body -> '{ERASED}' IS NULL))
    THEN erased_at ELSE COALESCE(erased_at, now()) END,
  error = CASE WHEN CAST(:results AS boolean) AND error ? 'message'
    THEN jsonb_set(error, '{{message}}', '"{ERASED}"') ELSE error END,
  end_user = CASE WHEN CAST(:person AS boolean) THEN NULL ELSE end_user END,
  metadata = CASE WHEN CAST(:person AS boolean) THEN NULL ELSE metadata END,
  tags = CASE WHEN CAST(:person AS boolean) THEN NULL ELSE tags END
WHERE id = ANY (CAST(:ids AS uuid[])) AND id BETWEEN :low AND :high
  AND final_state IS NOT NULL
""")

_PENDING: Final = text("""
SELECT tenant_id, job_id, pending FROM review_item
WHERE job_id = ANY (CAST(:ids AS uuid[])) AND pending IS NOT NULL
""")

_KEYS: Final = text(f"""
SELECT x ->> 'key' AS key FROM result r, jsonb_array_elements(r.artifacts) AS x
WHERE {_OF} AND jsonb_typeof(r.artifacts) = 'array'
""")


async def objects_of(connection: AsyncConnection, job_ids: Sequence[UUID]) -> list[str]:
    """Return the keys of what jobs have stored."""
    if not job_ids:
        return []
    rows = await connection.execute(_KEYS, _ids(job_ids))
    return list(rows.scalars())


async def pending_of(
    connection: AsyncConnection, job_ids: Sequence[UUID]
) -> list[tuple[int, UUID, bytes]]:
    """Return what was made and never handed out: tenant, job, and how it is kept, sealed."""
    rows = await connection.execute(_PENDING, {"ids": list(job_ids)})
    return [(row.tenant_id, row.job_id, bytes(row.pending)) for row in rows]


async def erase_content(
    connection: AsyncConnection,
    job_ids: Sequence[UUID],
    *,
    prompts: bool,
    results: bool,
    person: bool = False,
) -> None:
    """Blank what ended jobs were asked, what they made, or both; twice is once.

    Args:
        connection: A transaction. The objects of ``objects_of`` must be deleted before it:
            it forgets where they were.
        job_ids: Some hundreds at the most.
        prompts: The input goes, every form of it, and the files that it came with.
        results: Outputs, events, and what was said of attempts go.
        person: So does who asked, and what the jobs were labelled with.
    """
    if not job_ids:
        return
    values = _ids(job_ids)
    if prompts:
        for statement in _PROMPTS:
            await connection.execute(statement, values | {"person": person})
        await leave_files_of(connection, job_ids)
    if results:
        for statement in _RESULTS:
            await connection.execute(statement, values)
        await forget_jobs(connection, job_ids)
    await forget_chats_of(connection, job_ids, results=results, person=person)
    await connection.execute(_JOBS, values | {"person": person, "results": results})


def _ids(job_ids: Sequence[UUID]) -> dict[str, Any]:
    return {"ids": list(job_ids), "low": min(job_ids), "high": max(job_ids)}

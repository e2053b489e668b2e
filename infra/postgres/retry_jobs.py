"""Ended jobs, with all that is needed to ask for the same again; and waits cut short."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.sealed_content import Body, Opened, open_bodies
from schemas import generation, lanes
from schemas.cache import CacheMode
from schemas.chat import of_chat_url
from schemas.retry import REPEATABLE

# The ledger is read row by row: LIMIT keeps the planner from reading it whole for a join.
_ENDED: Final = text("""
SELECT j.id, j.kind, j.model, j.lane, j.priority, j.metadata AS labels, j.tags, j.end_user,
  j.redriven_by, p.body
FROM unnest(CAST(:ids AS uuid[])) AS x(id)
CROSS JOIN LATERAL (SELECT * FROM job WHERE id = x.id LIMIT 1) j
CROSS JOIN LATERAL (SELECT body FROM payload WHERE job_id = x.id LIMIT 1) p
WHERE j.tenant_id = :tenant_id AND j.final_state = ANY (CAST(:states AS smallint[]))
ORDER BY j.id
""")

# Only what waits for another attempt: a caller's own run_at stays what it is.
_HASTEN: Final = text("""
UPDATE live SET run_at = now()
WHERE job_id = :id AND tenant_id = :tenant_id AND state = 1 AND attempt > 0
RETURNING true
""")


@dataclass(frozen=True, slots=True)
class EndedJob:
    """An ended job.

    Attributes:
        request: The body that asks for the same again, in the shape of ``JobRequest``. When it
            was to run, and its unique key, are not part of it.
        redriven_by: The job that does so already.
        erased: Its input is gone: nothing can ask for the same again.
        typed: Its prompt with the flags that it ended in, if any were read.
    """

    id: UUID
    request: Mapping[str, Any]
    redriven_by: UUID | None
    erased: bool = False
    typed: str | None = None


async def ended_jobs(
    connection: AsyncConnection, tenant_id: int, job_ids: Sequence[UUID]
) -> list[EndedJob]:
    """Return those of a tenant's jobs that ended without success, oldest first."""
    values = {
        "tenant_id": tenant_id,
        "ids": list(job_ids),
        "states": [int(state) for state in REPEATABLE],
    }
    rows = (await connection.execute(_ENDED, values)).all()
    bodies = [Body("payload", tenant_id, row.id, row.body) for row in rows]
    opened = await open_bodies(connection, bodies)
    return [_ended(row, one) for row, one in zip(rows, opened, strict=True)]


async def hasten(connection: AsyncConnection, tenant_id: int, job_id: UUID) -> bool:
    """Let a job that waits for its next attempt have it now; return whether it waited so."""
    found = await connection.execute(_HASTEN, {"id": job_id, "tenant_id": tenant_id})
    return found.one_or_none() is not None


def _ended(row: Row[Any], asked: Opened) -> EndedJob:
    body = asked.required()
    request: dict[str, Any] = {
        "kind": generation.BY_NUMBER[row.kind],
        "input": body.get("input", {}),
        "model": row.model,
        "lane": lanes.BY_NUMBER[row.lane],
        "priority": row.priority,
        "webhook": _asked_webhook(body),
        "channels": body.get("channels") or (),
        "metadata": row.labels or {},
        "tags": row.tags or (),
        "end_user": row.end_user,
        "cache": body.get("cache", CacheMode.AUTO),
        "requires": {"tags": body["requires"]} if body.get("requires") else None,
    }
    return EndedJob(
        row.id, request, row.redriven_by, erased=asked.erased, typed=body.get("typed")
    )


def _asked_webhook(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what its caller wants to be told; the message in a chat is that of one job."""
    webhook: Mapping[str, Any] | None = body.get("webhook")
    return None if webhook and of_chat_url(webhook["url"]) else webhook

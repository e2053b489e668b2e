"""How long content is kept: the rules of tenants, and the jobs whose time is over."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.sealed_content import ERASED
from schemas import generation, lanes
from schemas.privacy import RetentionRequest, RetentionRule

_COLUMNS: Final = "lane, kind, prompt_hours, result_hours, updated_at"

_SET: Final = text(f"""
INSERT INTO retention_rule (tenant_id, lane, kind, prompt_hours, result_hours)
VALUES (:tenant_id, :lane, :kind, :prompt_hours, :result_hours)
ON CONFLICT (tenant_id, lane, kind) DO UPDATE SET prompt_hours = excluded.prompt_hours,
  result_hours = excluded.result_hours, updated_at = now()
RETURNING {_COLUMNS}
""")

_LIST: Final = text(f"""
SELECT {_COLUMNS} FROM retention_rule WHERE tenant_id = :tenant_id ORDER BY lane, kind
""")

_REMOVE: Final = text("""
DELETE FROM retention_rule WHERE tenant_id = :tenant_id AND lane = :lane AND kind = :kind
""")

_TENANTS: Final = text("""
SELECT tenant_id, min(prompt_hours) AS prompt_hours, min(result_hours) AS result_hours,
  now() AS looked_at
FROM retention_rule WHERE tenant_id > :after GROUP BY tenant_id ORDER BY tenant_id LIMIT :limit
""")

# What ended and is over, what is not over yet, and what still has something to deliver, be it
# to the files of its batch: the caller looks at those again. The most particular rule counts.
# So many jobs are looked at, and not so many found: most may have been erased long ago.
_LOOK: Final = """
WITH j AS MATERIALIZED (
  SELECT id, tenant_id, end_user, lane, kind, final_state, finished_at, erased_at, batch_id
  FROM job j
  WHERE j.tenant_id = :tenant_id AND {which} ORDER BY j.id LIMIT :limit)
SELECT j.id, j.end_user, j.erased_at IS NULL AND {kept} AS there,
  j.final_state IS NOT NULL AND j.finished_at + make_interval(hours => r.hours) <= now()
    AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.job_id = j.id)
    AND NOT EXISTS (SELECT 1 FROM batch b WHERE b.id = j.batch_id AND b.status < 10) AS over
FROM j
LEFT JOIN LATERAL (
  SELECT {hours} AS hours FROM retention_rule r
  WHERE r.tenant_id = j.tenant_id AND r.lane IN (0, j.lane) AND r.kind IN (0, j.kind)
  ORDER BY r.lane <> 0 DESC, r.kind <> 0 DESC LIMIT 1) r ON true
ORDER BY j.id
"""
_PROMPT_KEPT: Final = f"""EXISTS (
  SELECT 1 FROM payload p WHERE p.job_id = j.id
    AND (p.body -> '{ERASED}' IS NULL OR p.body ? 'typed'))"""
_RESULT_KEPT: Final = f"""(j.final_state IS DISTINCT FROM 10 OR EXISTS (
  SELECT 1 FROM result r WHERE r.job_id = j.id
    AND (r.body IS NULL OR r.body -> '{ERASED}' IS NULL)))"""
_NEW: Final = "j.id > :after AND j.id < :until"
_AGAIN: Final = "j.id = ANY (CAST(:ids AS uuid[]))"
_STATEMENTS: Final = {
    (prompts, again): text(
        _LOOK.format(
            hours="r.prompt_hours" if prompts else "r.result_hours",
            which=_AGAIN if again else _NEW,
            kept=_PROMPT_KEPT if prompts else _RESULT_KEPT,
        )
    )
    for prompts in (True, False)
    for again in (True, False)
}

_EVIDENCE: Final = text("""
DELETE FROM safety_evidence WHERE id = ANY (ARRAY(
  SELECT id FROM safety_evidence e WHERE expires_at <= now() AND NOT held AND NOT EXISTS (
    SELECT 1 FROM legal_hold h WHERE h.tenant_id = e.tenant_id AND h.released_at IS NULL
      AND (h.job_id = e.job_id OR h.subject = e.subject
        OR h.job_id IS NULL AND h.subject IS NULL))
  ORDER BY expires_at LIMIT :limit FOR UPDATE SKIP LOCKED))
""")


@dataclass(frozen=True, slots=True)
class Ruled:
    """A tenant with rules, and the shortest times of these."""

    tenant_id: int
    prompt_hours: int
    result_hours: int
    looked_at: datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """A job that was looked at.

    Attributes:
        there: Its content is still there, and a rule is for it.
        over: And its time is over.
    """

    id: UUID
    end_user: str | None
    there: bool
    over: bool


async def set_rule(
    connection: AsyncConnection, tenant_id: int, rule: RetentionRequest
) -> RetentionRule:
    """Make or change a rule."""
    values = {
        "tenant_id": tenant_id,
        "lane": rule.lane.number if rule.lane else 0,
        "kind": rule.kind.number if rule.kind else 0,
        "prompt_hours": rule.prompt_hours,
        "result_hours": rule.result_hours,
    }
    return _rule((await connection.execute(_SET, values)).one())


async def list_rules(connection: AsyncConnection, tenant_id: int) -> list[RetentionRule]:
    """Return a tenant's rules."""
    return [_rule(row) for row in await connection.execute(_LIST, {"tenant_id": tenant_id})]


async def remove_rule(
    connection: AsyncConnection,
    tenant_id: int,
    lane: lanes.Lane | None,
    kind: generation.Kind | None,
) -> bool:
    """Take a rule away; return whether there was one."""
    values = {
        "tenant_id": tenant_id,
        "lane": lane.number if lane else 0,
        "kind": kind.number if kind else 0,
    }
    return (await connection.execute(_REMOVE, values)).rowcount == 1


async def ruled_tenants(connection: AsyncConnection, *, after: int, limit: int) -> list[Ruled]:
    """Return tenants that have rules, in the order of their ids."""
    rows = await connection.execute(_TENANTS, {"after": after, "limit": limit})
    return [
        Ruled(row.tenant_id, row.prompt_hours, row.result_hours, row.looked_at) for row in rows
    ]


async def look_at_new(
    connection: AsyncConnection,
    tenant_id: int,
    *,
    prompts: bool,
    after: UUID,
    until: UUID,
    limit: int,
) -> list[Kept]:
    """Return a tenant's jobs, oldest first, and whether their prompts (else results) go."""
    values = {"tenant_id": tenant_id, "after": after, "until": until, "limit": limit}
    return _kept(await connection.execute(_STATEMENTS[prompts, False], values))


async def look_again(
    connection: AsyncConnection, tenant_id: int, job_ids: Collection[UUID], *, prompts: bool
) -> list[Kept]:
    """Return the same of these jobs."""
    ids = list(job_ids)
    values = {"tenant_id": tenant_id, "ids": ids, "limit": len(ids)}
    return _kept(await connection.execute(_STATEMENTS[prompts, True], values))


async def forget_old_evidence(connection: AsyncConnection, *, limit: int) -> int:
    """Delete evidence whose time is over, unless a hold keeps it; return how many."""
    return (await connection.execute(_EVIDENCE, {"limit": limit})).rowcount


def _kept(rows: Any) -> list[Kept]:
    return [
        Kept(
            row.id,
            row.end_user,
            row.there and row.over is not None,
            bool(row.there and row.over),
        )
        for row in rows
    ]


def _rule(row: Row[Any]) -> RetentionRule:
    return RetentionRule(
        lanes.BY_NUMBER.get(row.lane),
        generation.BY_NUMBER.get(row.kind),
        row.prompt_hours,
        row.result_hours,
        row.updated_at,
    )

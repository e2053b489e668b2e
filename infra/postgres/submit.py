"""New jobs: the ledger rows, the live row, the awake flow and the idempotency key, at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.job_states import JobState


@dataclass(frozen=True, slots=True)
class NewJob:
    """One job to insert. ``labels`` and ``payload`` are JSON texts.

    ``weight`` and ``max_inflight`` are the tenant's, for the flow that the job wakes.
    """

    id: UUID
    tenant_id: int
    lane: int
    kind: int
    priority: int
    model: str
    end_user: str | None
    labels: str | None
    payload: str
    weight: int
    max_inflight: int
    idempotency_key: str | None = None
    request_hash: bytes = b""


@dataclass(frozen=True, slots=True)
class KnownKey:
    """What an idempotency key was used for."""

    job_id: UUID
    request_hash: bytes
    expired: bool


# The lock on the awake flow is a KEY SHARE: it conflicts with nothing but the FOR UPDATE of
# sleep_flows, which therefore cannot put the flow to sleep between our look and our commit.
# A flow that fell asleep before the lock was granted is not returned (PostgreSQL looks at its
# newest version again), and the upsert wakes it.
_INSERT: Final = text("""
WITH n AS MATERIALIZED (
  SELECT * FROM unnest(
    CAST(:id AS uuid[]), CAST(:tenant_id AS bigint[]), CAST(:lane AS smallint[]),
    CAST(:kind AS smallint[]), CAST(:priority AS smallint[]), CAST(:model AS text[]),
    CAST(:end_user AS text[]), CAST(:labels AS text[]), CAST(:payload AS text[]),
    CAST(:weight AS int[]), CAST(:max_inflight AS int[]), CAST(:key AS text[]),
    CAST(:hash AS bytea[]))
  AS n(id, tenant_id, lane, kind, priority, model, end_user, labels, payload, weight,
       max_inflight, key, hash)),
keyed AS (
  INSERT INTO idempotency (tenant_id, key, request_hash, job_id, expires_at)
  SELECT tenant_id, key, hash, id, now() + :ttl FROM n WHERE key IS NOT NULL
  ORDER BY tenant_id, key
  ON CONFLICT (tenant_id, key) DO NOTHING RETURNING job_id),
fresh AS MATERIALIZED (
  SELECT * FROM n WHERE key IS NULL OR id IN (SELECT job_id FROM keyed)),
j AS (
  INSERT INTO job (id, tenant_id, lane, kind, priority, model, end_user, metadata)
  SELECT id, tenant_id, lane, kind, priority, model, end_user, CAST(labels AS jsonb)
  FROM fresh ON CONFLICT (id) DO NOTHING
  RETURNING id, tenant_id, lane, priority, created_at),
p AS (
  INSERT INTO payload (job_id, body)
  SELECT j.id, CAST(fresh.payload AS jsonb) FROM j JOIN fresh ON fresh.id = j.id),
l AS (
  INSERT INTO live (job_id, lane, tenant_id, state, priority)
  SELECT id, lane, tenant_id, :ready, priority FROM j),
wanted AS MATERIALIZED (
  SELECT DISTINCT ON (lane, tenant_id) lane, tenant_id, weight, max_inflight FROM fresh
  ORDER BY lane, tenant_id),
awake AS MATERIALIZED (
  SELECT f.lane, f.tenant_id FROM flow f JOIN wanted w
    ON w.lane = f.lane AND w.tenant_id = f.tenant_id
  WHERE f.active ORDER BY f.lane, f.tenant_id FOR KEY SHARE OF f),
woken AS (
  INSERT INTO flow AS f (lane, tenant_id, weight, max_inflight, vtime)
  SELECT w.lane, w.tenant_id, w.weight, w.max_inflight, c.v
  FROM wanted w JOIN lane_clock c ON c.lane = w.lane
  WHERE NOT EXISTS (
    SELECT 1 FROM awake a WHERE a.lane = w.lane AND a.tenant_id = w.tenant_id)
  ORDER BY w.lane, w.tenant_id
  ON CONFLICT (lane, tenant_id) DO UPDATE SET active = true, touched_at = now(),
    weight = excluded.weight, max_inflight = excluded.max_inflight,
    vtime = GREATEST(f.vtime, excluded.vtime))
SELECT id, created_at FROM j
""")

_WRITTEN_BEFORE: Final = text(
    "SELECT id, created_at FROM job WHERE id = ANY(CAST(:ids AS uuid[]))"
)

_KEY: Final = text("""
SELECT job_id, request_hash, expires_at <= now() AS expired FROM idempotency
WHERE tenant_id = :tenant_id AND key = :key
""")

_FORGET: Final = text("""
DELETE FROM idempotency i WHERE tenant_id = :tenant_id AND key = :key AND (
  expires_at <= now() OR NOT EXISTS (SELECT 1 FROM job WHERE id = i.job_id))
""")


async def insert_jobs(
    connection: AsyncConnection, jobs: Sequence[NewJob], *, idempotency_ttl: timedelta
) -> dict[UUID, datetime]:
    """Insert jobs in state ready, awake their flows, and remember their idempotency keys.

    Repeating it with the same ids changes nothing and gives the same answer.

    Returns:
        The creation time of each inserted job. A job that is missing was not inserted: its
        idempotency key is in use.
    """
    rows = await connection.execute(
        _INSERT,
        {
            "id": [job.id for job in jobs],
            "tenant_id": [job.tenant_id for job in jobs],
            "lane": [job.lane for job in jobs],
            "kind": [job.kind for job in jobs],
            "priority": [job.priority for job in jobs],
            "model": [job.model for job in jobs],
            "end_user": [job.end_user for job in jobs],
            "labels": [job.labels for job in jobs],
            "payload": [job.payload for job in jobs],
            "weight": [job.weight for job in jobs],
            "max_inflight": [job.max_inflight for job in jobs],
            "key": [job.idempotency_key for job in jobs],
            "hash": [job.request_hash for job in jobs],
            "ready": int(JobState.READY),
            "ttl": idempotency_ttl,
        },
    )
    created: dict[UUID, datetime] = {row.id: row.created_at for row in rows}
    missing = [job.id for job in jobs if job.id not in created]
    if missing:
        # A commit whose answer was lost: the jobs are there, from the first try.
        again = await connection.execute(_WRITTEN_BEFORE, {"ids": missing})
        created |= {row.id: row.created_at for row in again}
    return created


async def known_key(connection: AsyncConnection, tenant_id: int, key: str) -> KnownKey | None:
    """Return what a tenant's idempotency key stands for, or ``None``."""
    found = await connection.execute(_KEY, {"tenant_id": tenant_id, "key": key})
    row = found.one_or_none()
    return KnownKey(row.job_id, bytes(row.request_hash), row.expired) if row else None


async def forget_key(connection: AsyncConnection, tenant_id: int, key: str) -> None:
    """Free an idempotency key whose time is over, or whose job is gone."""
    await connection.execute(_FORGET, {"tenant_id": tenant_id, "key": key})

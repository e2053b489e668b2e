"""New jobs: ledger rows, live row, awake flow, idempotency key and waiting call, at once."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.held_calls import Held
from infra.postgres.hot import HotStatement
from infra.postgres.job_files import give_files
from infra.postgres.lineage import write_lineage
from infra.postgres.publish import Publication, publish_events
from infra.postgres.sealed_content import seal_payloads
from schemas.errors import ErrorRecord
from schemas.lineage import Lineage


@dataclass(frozen=True, slots=True)
class NewJob:
    """One job to insert. ``labels`` and ``payload`` are JSON texts.

    ``weight`` and ``max_inflight`` are the tenant's, for the flow that the job wakes.

    Attributes:
        run_at: Not before; ``None`` for at once.
        start_by: Expired if it has not started by then.
        deadline: Expired if it has not ended by then.
        cost: What it is reckoned to take, in thousandths of an ordinary job.
        images: How many images it is reckoned to make, for limits per image.
        tokens: How many tokens it is reckoned to use, for limits per token.
        money: What it is reckoned to cost, in millionths of a dollar, if its tenant has
            budgets: it is then inserted by way of ``producer/budgets.py``.
        slowest_lane: Where a job may be put whose budget is exhausted.
        deadline_given: The deadline is the caller's own, and does not move with the job.
        announce: Makes the event that it is queued, if somebody hears of that: its insert is
            then part of a transaction.
        stop: What safety has against it: it is held or ended where it is inserted, and its
            insert is part of a transaction.
        held: The call that waits for it: its repetition finds the job as soon as it is there.
        lineage: The jobs that it is made of: written along with it, if there are any.
        files: What came in with it, and is its own from then on.
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
    pool: int = 0
    run_at: datetime | None = None
    start_by: datetime | None = None
    deadline: datetime | None = None
    batch_id: UUID | None = None
    schedule_id: UUID | None = None
    redrive_of: UUID | None = None
    tags: Sequence[str] | None = None
    cost: int = 1000
    images: int = 0
    tokens: int = 0
    money: int | None = None
    slowest_lane: int = 4
    deadline_given: bool = False
    announce: "Announcement | None" = None
    stop: "Stop | None" = None
    held: Held | None = None
    lineage: Lineage | None = None
    files: Sequence[UUID] = ()

    @property
    def whole(self) -> bool:
        """Whether more than one statement writes it."""
        more = self.announce is not None or self.stop is not None
        return more or self.lineage is not None or bool(self.files)


@dataclass(frozen=True, slots=True)
class Stop:
    """What safety has against a job that is submitted.

    Attributes:
        verdict: As the job keeps it.
        error: Why the job is blocked; ``None``: it is held for a person.
        write: Writes what becomes of jobs that were inserted a moment ago, all of the same
            process; to write it twice is to write it once.
        owed: What else is to be written along with it.
    """

    verdict: Mapping[str, Any]
    error: ErrorRecord | None
    write: "Callable[[AsyncConnection, Sequence[tuple[NewJob, datetime]]], Awaitable[None]]"
    owed: Any = None

    @property
    def blocks(self) -> bool:
        """Whether the job ends at once."""
        return self.error is not None


# Of the job as it was written, and when it was.
Announcement = Callable[[NewJob, datetime], Publication]


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
#
# One JSON text for all rows: PostgreSQL takes it apart for less than the driver would spend on
# an array per column.
_SQL: Final = """
WITH n AS MATERIALIZED (
  SELECT *, COALESCE((hashtextextended(end_user, 0) & 9223372036854775807) | 1, 0) AS user_key,
    CASE WHEN run_at > now() THEN 1 ELSE 2 END AS state
  FROM json_to_recordset(CAST(:rows AS json)) AS n(
    id uuid, tenant_id bigint, lane smallint, kind smallint, priority smallint, model text,
    end_user text, labels jsonb, payload jsonb, weight int, max_inflight int, key text,
    hash text, pool smallint, run_at timestamptz, start_by timestamptz, deadline timestamptz,
    batch_id uuid, schedule_id uuid, redrive_of uuid, tags text[],
    cost int, images int, tokens int{columns})),
keyed AS (
  INSERT INTO idempotency (tenant_id, key, request_hash, job_id, expires_at)
  SELECT tenant_id, key, decode(hash, 'hex'), id, now() + :ttl FROM n WHERE key IS NOT NULL
  ORDER BY tenant_id, key
  ON CONFLICT (tenant_id, key) DO NOTHING RETURNING job_id),
fresh AS MATERIALIZED (
  SELECT * FROM n WHERE key IS NULL OR id IN (SELECT job_id FROM keyed)),
j AS (
  INSERT INTO job (id, tenant_id, lane, kind, pool, priority, model, end_user, metadata,
    deadline, batch_id, schedule_id, redrive_of, tags)
  SELECT id, tenant_id, lane, kind, pool, priority, model, end_user, labels,
    deadline, batch_id, schedule_id, redrive_of, tags
  FROM fresh ON CONFLICT (id) DO NOTHING
  RETURNING id, created_at),
p AS (
  INSERT INTO payload (job_id, body)
  SELECT j.id, fresh.payload FROM j JOIN fresh ON fresh.id = j.id),
l AS (
  INSERT INTO live (job_id, lane, tenant_id, pool, state, priority, run_at, start_by, deadline,
    batch_id, end_user_key, cost, images, tokens)
  SELECT id, lane, tenant_id, pool, state, priority, CASE state WHEN 1 THEN run_at END,
    start_by, deadline, batch_id, user_key, cost, images, tokens
  FROM j JOIN fresh USING (id)),
wanted AS MATERIALIZED (
  SELECT lane, tenant_id, min(weight) AS weight, min(max_inflight) AS max_inflight,
    bool_or(user_key > 0) AS shared, array_agg(pool) AS pools
  FROM fresh WHERE state = 2 GROUP BY lane, tenant_id),
awake AS MATERIALIZED (
  SELECT f.lane, f.tenant_id FROM flow f JOIN wanted w
    ON w.lane = f.lane AND w.tenant_id = f.tenant_id
  WHERE f.active AND (f.shared OR NOT w.shared)
    AND (f.park_reason IS DISTINCT FROM 3 OR w.pools <@ f.parked_pools)
  ORDER BY f.lane, f.tenant_id FOR KEY SHARE OF f),
woken AS (
  INSERT INTO flow AS f (lane, tenant_id, weight, max_inflight, vtime, shared)
  SELECT w.lane, w.tenant_id, w.weight, w.max_inflight, c.v, w.shared
  FROM wanted w JOIN lane_clock c ON c.lane = w.lane
  WHERE NOT EXISTS (
    SELECT 1 FROM awake a WHERE a.lane = w.lane AND a.tenant_id = w.tenant_id)
  ORDER BY w.lane, w.tenant_id
  ON CONFLICT (lane, tenant_id) DO UPDATE SET active = true, touched_at = now(),
    weight = excluded.weight, max_inflight = excluded.max_inflight,
    shared = f.shared OR excluded.shared,
    vtime = CASE WHEN f.active THEN f.vtime ELSE GREATEST(f.vtime, excluded.vtime) END,
    parked_until = CASE WHEN f.park_reason = 3 THEN NULL ELSE f.parked_until END,
    parked_pools = NULL, park_reason = NULLIF(f.park_reason, 3)){calls}
SELECT id, created_at FROM j
"""
_INSERT: Final = HotStatement(_SQL.format(columns="", calls=""))
# Only where calls wait: to everybody else the table costs nothing.
_INSERT_HELD: Final = HotStatement(
    _SQL.format(
        columns=", digest text, seconds float8",
        calls=""",
held AS (
  INSERT INTO held_call (tenant_id, digest, job_id, held_until)
  SELECT fresh.tenant_id, decode(digest, 'hex'), id, now() + make_interval(secs => seconds)
  FROM j JOIN fresh USING (id) WHERE digest IS NOT NULL)""",
    )
)

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
    """Insert jobs, ready or scheduled; awake the flows of the ready; remember keys and calls.

    Repeating it with the same ids changes nothing and gives the same answer.

    Returns:
        The creation time of each inserted job. A job that is missing was not inserted: its
        idempotency key is in use.
    """
    held = any(job.held for job in jobs)
    rows = await (_INSERT_HELD if held else _INSERT).run(
        connection,
        {"rows": orjson.dumps(await _rows(connection, jobs)).decode(), "ttl": idempotency_ttl},
    )
    created: dict[UUID, datetime] = {row.id: row.created_at for row in rows}
    missing = [job.id for job in jobs if job.id not in created]
    if missing:
        # A commit whose answer was lost: the jobs are there, from the first try.
        again = await connection.execute(_WRITTEN_BEFORE, {"ids": missing})
        created |= {row.id: row.created_at for row in again}
    await publish_events(
        connection,
        [j.announce(j, created[j.id]) for j in jobs if j.announce and j.id in created],
    )
    derived = [(j.id, j.tenant_id, j.lineage) for j in jobs if j.lineage and j.id in created]
    if derived:
        await write_lineage(connection, derived)
    await give_files(connection, [j for j in jobs if j.files and j.id in created])
    stopped = [(j, created[j.id], j.stop) for j in jobs if j.stop and j.id in created]
    if stopped:
        await stopped[0][2].write(connection, [(job, at) for job, at, _ in stopped])
    return created


async def known_key(connection: AsyncConnection, tenant_id: int, key: str) -> KnownKey | None:
    """Return what a tenant's idempotency key stands for, or ``None``."""
    found = await connection.execute(_KEY, {"tenant_id": tenant_id, "key": key})
    row = found.one_or_none()
    return KnownKey(row.job_id, bytes(row.request_hash), row.expired) if row else None


async def forget_key(connection: AsyncConnection, tenant_id: int, key: str) -> None:
    """Free an idempotency key whose time is over, or whose job is gone."""
    await connection.execute(_FORGET, {"tenant_id": tenant_id, "key": key})


async def _rows(connection: AsyncConnection, jobs: Sequence[NewJob]) -> list[dict[str, Any]]:
    wanted = [(job.id, job.tenant_id, job.end_user, job.payload) for job in jobs]
    payloads = await seal_payloads(connection, wanted)
    rows = [_row(job, payload) for job, payload in zip(jobs, payloads, strict=True)]
    for job, row in zip(jobs, rows, strict=True):
        if job.held is not None:
            row |= {"digest": job.held.digest.hex(), "seconds": job.held.seconds}
    return rows


def _row(job: NewJob, payload: str) -> dict[str, Any]:
    return {
        "id": job.id,
        "tenant_id": job.tenant_id,
        "lane": job.lane,
        "kind": job.kind,
        "priority": job.priority,
        "model": job.model,
        "end_user": job.end_user,
        "labels": orjson.Fragment(job.labels) if job.labels else None,
        "payload": orjson.Fragment(payload),
        "weight": job.weight,
        "max_inflight": job.max_inflight,
        "key": job.idempotency_key,
        "hash": job.request_hash.hex(),
        "pool": job.pool,
        "run_at": job.run_at,
        "start_by": job.start_by,
        "deadline": job.deadline,
        "batch_id": job.batch_id,
        "schedule_id": job.schedule_id,
        "redrive_of": job.redrive_of,
        "tags": job.tags,
        "cost": job.cost,
        "images": job.images,
        "tokens": job.tokens,
    }

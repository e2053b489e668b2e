"""The cache: which ended jobs' outputs are given to others. No output is stored twice.

An entry names the job that an answer was made for. Whether that is still to be had is looked up
with every use: what retention, an erasure or a reviewer took is a miss, and forgotten.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.hot import HotStatement
from infra.postgres.sealed_content import Body, open_bodies
from schemas.job import Artifact
from schemas.safety import Action


class CacheKey(NamedTuple):
    """What the same jobs of a tenant have in common."""

    tenant_id: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Source:
    """An ended job whose output is used again."""

    job_id: UUID
    finished_at: datetime
    body: Mapping[str, Any] = field(repr=False)
    artifacts: Sequence[Artifact] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """What is in the cache: entries, the bytes they stand for, how often they were used."""

    entries: int
    bytes: int
    hits: int


# Rows are locked in key order, as by everybody who locks several and waits: no deadlock.
_USE: Final = HotStatement("""
WITH x AS MATERIALIZED (
  SELECT * FROM unnest(CAST(:tenants AS bigint[]), CAST(:keys AS bytea[]),
    CAST(:uses AS bigint[])) AS x(tenant_id, key, uses)),
e AS MATERIALIZED (
  SELECT e.tenant_id, e.key, x.uses FROM cache_entry e
  JOIN x ON x.tenant_id = e.tenant_id AND x.key = e.key
  WHERE e.expires_at > now() ORDER BY e.tenant_id, e.key FOR NO KEY UPDATE OF e)
UPDATE cache_entry c SET hits = c.hits + e.uses, used_at = now()
FROM e WHERE c.tenant_id = e.tenant_id AND c.key = e.key
RETURNING c.tenant_id, c.key, c.job_id
""")

# An item that people decided against, whatever brought it before them.
_SOURCES: Final = HotStatement("""
SELECT j.id, j.tenant_id, j.finished_at, r.body, r.artifacts
FROM unnest(CAST(:tenants AS bigint[]), CAST(:ids AS uuid[])) AS x(tenant_id, id)
CROSS JOIN LATERAL (SELECT * FROM job WHERE id = x.id AND tenant_id = x.tenant_id LIMIT 1) j
CROSS JOIN LATERAL (SELECT * FROM result WHERE job_id = x.id LIMIT 1) r
WHERE j.final_state = 10 AND j.erased_at IS NULL AND NOT EXISTS (
  SELECT 1 FROM review_item i WHERE i.job_id = j.id AND i.outcome >= :blocked)
""")

_DROP: Final = text("""
WITH gone AS MATERIALIZED (
  SELECT e.tenant_id, e.key FROM cache_entry e
  JOIN unnest(CAST(:tenants AS bigint[]), CAST(:keys AS bytea[]), CAST(:ids AS uuid[]))
    AS x(tenant_id, key, job_id)
    ON e.tenant_id = x.tenant_id AND e.key = x.key AND e.job_id = x.job_id
  ORDER BY e.tenant_id, e.key FOR UPDATE OF e)
DELETE FROM cache_entry e USING gone WHERE e.tenant_id = gone.tenant_id AND e.key = gone.key
""")

_FORGET_JOBS: Final = text("""
WITH gone AS MATERIALIZED (
  SELECT tenant_id, key FROM cache_entry WHERE job_id = ANY (CAST(:ids AS uuid[]))
  ORDER BY tenant_id, key FOR UPDATE)
DELETE FROM cache_entry e USING gone WHERE e.tenant_id = gone.tenant_id AND e.key = gone.key
""")

_KEPT: Final = text("""
SELECT count(*) AS entries, COALESCE(sum(bytes), 0) AS bytes, COALESCE(sum(hits), 0) AS hits
FROM cache_entry WHERE expires_at > now()
  AND (CAST(:tenant_id AS bigint) IS NULL OR tenant_id = :tenant_id)
""")

_USES: Final = text("SELECT cache FROM tenant WHERE id = CAST(:tenant_id AS bigint)")
_CHANGE_USE: Final = text("""
UPDATE tenant SET cache = :enabled WHERE id = CAST(:tenant_id AS bigint)
""")

# What is in use just now goes as well: this waits for who uses it.
_CLEAR: Final = text("""
WITH gone AS MATERIALIZED (
  SELECT tenant_id, key FROM cache_entry
  WHERE CAST(:tenant_id AS bigint) IS NULL OR tenant_id = :tenant_id
  ORDER BY tenant_id, key LIMIT :batch FOR UPDATE)
DELETE FROM cache_entry e USING gone WHERE e.tenant_id = gone.tenant_id AND e.key = gone.key
""")

_OVER: Final = text("""
DELETE FROM cache_entry WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM cache_entry WHERE expires_at <= now()
  LIMIT :batch FOR UPDATE SKIP LOCKED))
""")

# One dispatcher at a time adds up what there is.
_ALONE: Final = text("SELECT pg_try_advisory_xact_lock(CAST(:lock AS bigint))")
_EVICTING: Final = 0x67656E71_0000000A

_SIZE: Final = text("SELECT COALESCE(sum(bytes), 0) FROM cache_entry")

# The oldest-used first, until what is too much is gone.
_EVICT: Final = text("""
WITH oldest AS MATERIALIZED (
  SELECT tenant_id, key, bytes, used_at FROM cache_entry
  ORDER BY used_at LIMIT :batch FOR UPDATE SKIP LOCKED),
x AS (
  SELECT tenant_id, key,
    sum(bytes) OVER (ORDER BY used_at, tenant_id, key) - bytes AS before FROM oldest)
DELETE FROM cache_entry e USING x
WHERE e.tenant_id = x.tenant_id AND e.key = x.key AND x.before < :excess
RETURNING e.bytes
""")


async def find_sources(
    connection: AsyncConnection, wanted: Mapping[CacheKey, int]
) -> dict[CacheKey, Source]:
    """Return what there is for keys, each wanted so many times; what is gone is forgotten."""
    keys = list(wanted)
    rows = await _USE.run(
        connection,
        {
            "tenants": [key.tenant_id for key in keys],
            "keys": [key.digest for key in keys],
            "uses": [wanted[key] for key in keys],
        },
    )
    entries = {CacheKey(row.tenant_id, bytes(row.key)): row.job_id for row in rows}
    if not entries:
        return {}
    sources = await _sources(connection, entries)
    found = {key: sources[job] for key, job in entries.items() if job in sources}
    await drop_entries(
        connection, [(key, job) for key, job in entries.items() if job not in sources]
    )
    return found


async def _sources(
    connection: AsyncConnection, entries: Mapping[CacheKey, UUID]
) -> dict[UUID, Source]:
    owners = {job: key.tenant_id for key, job in entries.items()}
    rows = await _SOURCES.run(
        connection,
        {
            "tenants": list(owners.values()),
            "ids": list(owners),
            "blocked": int(Action.BLOCK),
        },
    )
    bodies = [Body("result", row.tenant_id, row.id, row.body) for row in rows]
    opened = await open_bodies(connection, bodies)
    return {
        row.id: Source(
            row.id,
            row.finished_at,
            one.body,
            [Artifact(**artifact) for artifact in row.artifacts or ()],
        )
        for row, one in zip(rows, opened, strict=True)
        if one.fault is None
    }


async def drop_entries(
    connection: AsyncConnection, entries: Sequence[tuple[CacheKey, UUID]]
) -> None:
    """Forget entries, unless they name another job by now."""
    if entries:
        await connection.execute(
            _DROP,
            {
                "tenants": [key.tenant_id for key, _ in entries],
                "keys": [key.digest for key, _ in entries],
                "ids": [job_id for _, job_id in entries],
            },
        )


async def forget_jobs(connection: AsyncConnection, job_ids: Sequence[UUID]) -> None:
    """Forget what was made for these jobs: their content is erased."""
    await connection.execute(_FORGET_JOBS, {"ids": list(job_ids)})


async def kept(connection: AsyncConnection, tenant_id: int | None) -> Kept:
    """Return what is in the cache for a tenant; ``None``: for all of them."""
    row = (await connection.execute(_KEPT, {"tenant_id": tenant_id})).one()
    return Kept(int(row.entries), int(row.bytes), int(row.hits))


async def uses_cache(connection: AsyncConnection, tenant_id: int) -> bool:
    """Return whether a tenant's jobs may be given earlier answers."""
    found = await connection.execute(_USES, {"tenant_id": tenant_id})
    return bool(found.scalar_one_or_none())


async def change_use(connection: AsyncConnection, tenant_id: int, *, enabled: bool) -> None:
    """Set whether a tenant's jobs may be given earlier answers."""
    await connection.execute(_CHANGE_USE, {"tenant_id": tenant_id, "enabled": enabled})


async def clear(connection: AsyncConnection, tenant_id: int | None, *, batch: int) -> int:
    """Forget some of a tenant's entries, or of all; return how many."""
    values = {"tenant_id": tenant_id, "batch": batch}
    return (await connection.execute(_CLEAR, values)).rowcount


async def forget_over(connection: AsyncConnection, *, batch: int) -> int:
    """Forget some entries whose time is over; return how many."""
    return (await connection.execute(_OVER, {"batch": batch})).rowcount


async def evict(connection: AsyncConnection, *, most: int, batch: int) -> int:
    """Forget the oldest-used entries while all stand for more than ``most`` bytes.

    Returns:
        How many went; ``batch`` at the most: then there may be more to do. 0 if somebody else
        sees to it just now.
    """
    alone = await connection.execute(_ALONE, {"lock": _EVICTING})
    if not alone.scalar_one():
        return 0
    excess = int((await connection.execute(_SIZE)).scalar_one()) - most
    if excess <= 0:
        return 0
    gone = await connection.execute(_EVICT, {"excess": excess, "batch": batch})
    return len(gone.all())


def lasting(ttl: timedelta, *, stand_in: bool) -> timedelta:
    """Return how long an answer is used again: not for long if another model gave it."""
    return min(ttl, _STAND_IN) if stand_in else ttl


_STAND_IN: Final = timedelta(minutes=1)

"""Pauses: a lane, a model or a tenant is held back, nothing of it is released, until resumed.

What runs goes on, and new jobs are accepted. The release reads the marks that are set here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.parks import PARKED_PAUSED, PARKED_POOL
from infra.postgres.pools import ensure_pool
from schemas.lanes import BY_NUMBER, Lane


class Scope(StrEnum):
    """What can be paused."""

    LANE = "lane"
    MODEL = "model"
    TENANT = "tenant"


@dataclass(frozen=True, slots=True)
class Target:
    """One lane, model or tenant; ``id`` is its number in PostgreSQL."""

    scope: Scope
    name: str
    id: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Something that is paused.

    Attributes:
        waiting: Ready jobs that wait there, ``MOST_COUNTED`` at the most.
        inflight: Jobs that were released or run.
    """

    target: Target
    since: datetime
    waiting: int
    inflight: int


@dataclass(frozen=True, slots=True)
class InFlight:
    """Jobs on their way: handed to the broker, and running."""

    released: int
    running: int

    @property
    def total(self) -> int:
        """How many are on their way."""
        return self.released + self.running


MOST_COUNTED: Final = 100_000
UNPARK_BATCH: Final = 1_000
_CLOSE_NAMES: Final = 200

# Per scope: the table that carries the mark, its key, and the column of live that leads there.
_TABLES: Final = {
    Scope.LANE: ("lane_clock", "lane", "lane"),
    Scope.MODEL: ("pool", "id", "pool"),
    Scope.TENANT: ("tenant", "id", "tenant_id"),
}
_PAUSE: Final = {
    scope: text(f"""
UPDATE {table} SET paused_at = COALESCE(paused_at, now()) WHERE {key} = :id RETURNING paused_at
""")
    for scope, (table, key, _) in _TABLES.items()
}
_RESUME: Final = {
    scope: text(
        f"UPDATE {table} SET paused_at = NULL WHERE {key} = :id AND paused_at IS NOT NULL"
    )
    for scope, (table, key, _) in _TABLES.items()
}
_IN_FLIGHT: Final = {
    scope: text(f"""
SELECT count(*) FILTER (WHERE state = 3) AS released,
  count(*) FILTER (WHERE state = 4) AS running
FROM live WHERE state IN (3, 4) AND {column} = :id
""")
    for scope, (_, _, column) in _TABLES.items()
}
_READY: Final = {
    scope: text(f"""
SELECT count(*) FROM (
  SELECT 1 FROM live WHERE state = 2 AND {column} = :id LIMIT {MOST_COUNTED}) n
""")
    for scope, (_, _, column) in _TABLES.items()
}

_PAUSED: Final = text("""
SELECT 'lane' AS scope, '' AS name, lane AS id, paused_at FROM lane_clock
WHERE paused_at IS NOT NULL
UNION ALL SELECT 'model', model, id, paused_at FROM pool WHERE paused_at IS NOT NULL
UNION ALL SELECT 'tenant', name, id, paused_at FROM tenant WHERE paused_at IS NOT NULL
ORDER BY paused_at
""")

# Locked in key order, as finishers do, so that nobody waits in a circle.
_UNPARK: Final = text("""
WITH x AS MATERIALIZED (
  SELECT lane, tenant_id FROM flow
  WHERE parked_until IS NOT NULL AND (
    (park_reason = :pool_closed AND parked_pools @> ARRAY[CAST(:pool AS smallint)])
    OR (park_reason = :tenant_paused AND tenant_id = :tenant))
  ORDER BY lane, tenant_id LIMIT :batch FOR NO KEY UPDATE)
UPDATE flow SET parked_until = NULL, park_reason = NULL, parked_pools = NULL
FROM x WHERE flow.lane = x.lane AND flow.tenant_id = x.tenant_id
""")

_TENANT: Final = text("SELECT id FROM tenant WHERE name = :name")
_LIKE_TENANTS: Final = text("""
SELECT name FROM tenant WHERE left(lower(name), 2) = left(lower(:name), 2)
ORDER BY name LIMIT :limit
""")
_POOL: Final = text("SELECT id FROM pool WHERE model = :model")
_MODELS: Final = text("SELECT model FROM pool ORDER BY model LIMIT :limit")


def lane_target(lane: Lane) -> Target:
    """Return a lane as something to pause."""
    return Target(Scope.LANE, lane.value, lane.number)


async def find_tenant(connection: AsyncConnection, name: str) -> Target | None:
    """Return the tenant called ``name``."""
    found: int | None = (await connection.execute(_TENANT, {"name": name})).scalar_one_or_none()
    return None if found is None else Target(Scope.TENANT, name, found)


async def similar_tenants(connection: AsyncConnection, name: str) -> list[str]:
    """Return names of tenants that begin like ``name``, some of them."""
    values = {"name": name, "limit": _CLOSE_NAMES}
    return [row.name for row in await connection.execute(_LIKE_TENANTS, values)]


async def find_model(
    connection: AsyncConnection, model: str, offered: Sequence[str]
) -> Target | None:
    """Return the pool of ``model``; made if there is none and a server offers the model."""
    if model in offered:
        return Target(Scope.MODEL, model, await ensure_pool(connection, model))
    found: int | None = (await connection.execute(_POOL, {"model": model})).scalar_one_or_none()
    return None if found is None else Target(Scope.MODEL, model, found)


async def known_models(connection: AsyncConnection) -> list[str]:
    """Return models that jobs were submitted for, some of them."""
    rows = await connection.execute(_MODELS, {"limit": _CLOSE_NAMES})
    return [row.model for row in rows]


async def pause(connection: AsyncConnection, target: Target) -> datetime:
    """Release nothing of ``target`` any more; return since when that is so."""
    return (await connection.execute(_PAUSE[target.scope], {"id": target.id})).scalar_one()


async def resume(connection: AsyncConnection, target: Target) -> bool:
    """Release jobs of ``target`` again; return whether it was paused.

    Commit it, then call ``unpark_resumed``: flows that were parked for the pause wait for up to
    a minute otherwise.
    """
    result = await connection.execute(_RESUME[target.scope], {"id": target.id})
    return result.rowcount > 0


async def unpark_resumed(connection: AsyncConnection, target: Target) -> int:
    """Return flows that waited for ``target`` to the rotation, ``UNPARK_BATCH`` at the most."""
    if target.scope is Scope.LANE:
        # The release passes a paused lane over; its flows are not parked for that.
        return 0
    result = await connection.execute(
        _UNPARK,
        {
            "pool": target.id if target.scope is Scope.MODEL else None,
            "tenant": target.id if target.scope is Scope.TENANT else None,
            "pool_closed": PARKED_POOL,
            "tenant_paused": PARKED_PAUSED,
            "batch": UNPARK_BATCH,
        },
    )
    return result.rowcount


async def count_in_flight(connection: AsyncConnection, target: Target) -> InFlight:
    """Return how many jobs of ``target`` are released or running."""
    row = (await connection.execute(_IN_FLIGHT[target.scope], {"id": target.id})).one()
    return InFlight(row.released, row.running)


async def count_waiting(connection: AsyncConnection, target: Target) -> int:
    """Return how many ready jobs of ``target`` wait, ``MOST_COUNTED`` at the most."""
    return (await connection.execute(_READY[target.scope], {"id": target.id})).scalar_one()


async def list_pauses(connection: AsyncConnection) -> list[Pause]:
    """Return all that is paused, the longest first."""
    rows = (await connection.execute(_PAUSED)).all()
    return [await _pause_of(connection, row) for row in rows]


async def _pause_of(connection: AsyncConnection, row: Any) -> Pause:
    scope = Scope(row.scope)
    name: str = BY_NUMBER[row.id].value if scope is Scope.LANE else row.name
    target = Target(scope, name, row.id)
    waiting = await count_waiting(connection, target)
    inflight = await count_in_flight(connection, target)
    return Pause(target, row.paused_at, waiting, inflight.total)

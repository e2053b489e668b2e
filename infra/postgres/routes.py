"""Routes: versions that never change, and which one of each model counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# "rt"
_LOCK_CLASS: Final = 0x7274

_CHANGES: Final = text("SELECT COALESCE(sum(changes), 0) AS changes FROM route")
_COUNTING: Final = text("""
SELECT r.model, r.version, v.document,
  (SELECT COALESCE(sum(changes), 0) FROM route) AS changes
FROM route r LEFT JOIN route_version v ON v.model = r.model AND v.version = r.version
""")
_LOCK: Final = text("SELECT pg_advisory_xact_lock(:class, hashtext(:model))")
_COLUMNS: Final = "model, version, document, replaces, note, created_at, created_by"
_NOW: Final = text("SELECT version FROM route WHERE model = :model")
_GET: Final = text(f"""
SELECT {_COLUMNS} FROM route_version WHERE model = :model AND version = :version
""")
_LIST: Final = text(f"""
SELECT {_COLUMNS} FROM route_version WHERE model = :model
  AND version < COALESCE(CAST(:before AS integer), 2147483647)
ORDER BY version DESC LIMIT :limit
""")
_ADD: Final = text(f"""
INSERT INTO route_version (model, version, document, replaces, note, created_by)
SELECT :model, COALESCE(max(version), 0) + 1, CAST(:document AS jsonb), :replaces, :note, :by
FROM route_version WHERE model = :model
RETURNING {_COLUMNS}
""")
_POINT: Final = text("""
INSERT INTO route (model, version, changes, changed_by) VALUES (:model, :version, 1, :by)
ON CONFLICT (model) DO UPDATE SET version = excluded.version, changes = route.changes + 1,
  changed_at = now(), changed_by = excluded.changed_by
""")


@dataclass(frozen=True, slots=True)
class RouteVersion:
    """A version of a model's route.

    Attributes:
        document: JSON, as it was checked when it was stored.
        replaces: The version that counted before it; 0: the settings alone.
        created_by: Who wrote it, as the audit log tells it.
    """

    model: str
    version: int
    document: Mapping[str, Any]
    replaces: int
    note: str | None
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True)
class CountingRoutes:
    """The documents that count, by model with their version, and how many changes there were.

    A model that returned to the settings alone is not among them.
    """

    documents: Mapping[str, tuple[int, Mapping[str, Any]]]
    changes: int


async def route_changes(connection: AsyncConnection) -> int:
    """Return how many changes of routes there were: what a process compares."""
    return int((await connection.execute(_CHANGES)).scalar_one())


async def counting_routes(connection: AsyncConnection) -> CountingRoutes:
    """Return every route that counts now."""
    rows = (await connection.execute(_COUNTING)).all()
    return CountingRoutes(
        {row.model: (row.version, row.document) for row in rows if row.document is not None},
        int(rows[0].changes) if rows else 0,
    )


async def lock_route(connection: AsyncConnection, model: str) -> int:
    """Let nobody else change a model's route until the transaction ends; return its version.

    0 is the settings alone.
    """
    await connection.execute(_LOCK, {"class": _LOCK_CLASS, "model": model})
    return await route_version(connection, model)


async def route_version(connection: AsyncConnection, model: str) -> int:
    """Return which version of a model's route counts; 0 is the settings alone."""
    found = await connection.execute(_NOW, {"model": model})
    return found.scalar_one_or_none() or 0


async def get_version(
    connection: AsyncConnection, model: str, version: int
) -> RouteVersion | None:
    """Return a version, if there is one."""
    found = await connection.execute(_GET, {"model": model, "version": version})
    row = found.one_or_none()
    return None if row is None else _version(row)


async def list_versions(
    connection: AsyncConnection, model: str, *, before: int | None, limit: int
) -> Sequence[RouteVersion]:
    """Return versions, newest first, older than ``before``."""
    which = {"model": model, "before": before, "limit": limit}
    return [_version(row) for row in await connection.execute(_LIST, which)]


async def add_version(
    connection: AsyncConnection,
    model: str,
    *,
    document: Mapping[str, Any],
    replaces: int,
    note: str | None,
    by: str,
) -> RouteVersion:
    """Store a new version; ``lock_route`` comes before, ``point_route`` after."""
    row = await connection.execute(
        _ADD,
        {
            "model": model,
            "document": orjson.dumps(document).decode(),
            "replaces": replaces,
            "note": note,
            "by": by,
        },
    )
    return _version(row.one())


async def point_route(connection: AsyncConnection, model: str, version: int, by: str) -> None:
    """Let a version count, and no other; ``lock_route`` comes before."""
    await connection.execute(_POINT, {"model": model, "version": version, "by": by})


def _version(row: Any) -> RouteVersion:
    return RouteVersion(
        model=row.model,
        version=row.version,
        document=row.document,
        replaces=row.replaces,
        note=row.note,
        created_at=row.created_at,
        created_by=row.created_by,
    )

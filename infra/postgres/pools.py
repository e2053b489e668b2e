"""Pools: the jobs of one model, which wait together when its servers take no more."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

NO_POOL: Final = 0
"""The pool of jobs that an older release submitted: never closed."""


@dataclass(frozen=True, slots=True)
class Pool:
    """A model that jobs were submitted for; ``paused_at`` if an operator holds it back."""

    id: int
    model: str
    paused_at: datetime | None


_LIST: Final = text("SELECT id, model, paused_at FROM pool ORDER BY id")
# Looked for first: a conflict would use up a number of the identity.
_FIND: Final = text("SELECT id FROM pool WHERE model = :model")
_ADD: Final = text("""
INSERT INTO pool (model) VALUES (:model)
ON CONFLICT (model) DO UPDATE SET model = excluded.model RETURNING id
""")


async def list_pools(connection: AsyncConnection) -> list[Pool]:
    """Return every pool."""
    rows = await connection.execute(_LIST)
    return [Pool(row.id, row.model, row.paused_at) for row in rows]


async def ensure_pool(connection: AsyncConnection, model: str) -> int:
    """Return the number of the model's pool, made if there is none yet."""
    found: int | None = (await connection.execute(_FIND, {"model": model})).scalar_one_or_none()
    if found is not None:
        return found
    return (await connection.execute(_ADD, {"model": model})).scalar_one()

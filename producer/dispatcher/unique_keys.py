"""Drops unique keys that nobody holds any more; any dispatcher may."""

from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.postgres.engine import transaction
from infra.postgres.unique_jobs import forget_keys

_BEFORE_ALL: Final = UUID(int=0)


async def forget_unique_keys(engine: AsyncEngine) -> None:
    """Go once over all keys, a batch and a transaction at a time."""
    place: UUID | None = _BEFORE_ALL
    while place is not None:
        async with transaction(engine) as connection:
            place = await forget_keys(connection, place)

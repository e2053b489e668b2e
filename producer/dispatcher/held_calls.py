"""Drops calls that no client will repeat any more; any dispatcher may."""

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.postgres.engine import transaction
from infra.postgres.held_calls import forget_calls


async def forget_held_calls(engine: AsyncEngine) -> None:
    """Go on until there are none, a batch and a transaction at a time."""
    more = True
    while more:
        async with transaction(engine) as connection:
            more = await forget_calls(connection)

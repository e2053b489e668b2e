"""Adds up what was used, and forgets it when its time is over; any dispatcher may."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.postgres.engine import transaction
from infra.postgres.usage import add_to_hours, forget_hours


async def add_up_usage(engine: AsyncEngine) -> None:
    """Add entries to their hours, some thousands and a transaction at a time."""
    more = True
    while more:
        async with transaction(engine) as connection:
            more = await add_to_hours(connection)


async def forget_usage(engine: AsyncEngine, *, before: datetime) -> None:
    """Delete the hours before then, some thousands and a transaction at a time."""
    more = True
    while more:
        async with transaction(engine) as connection:
            more = await forget_hours(connection, before=before)

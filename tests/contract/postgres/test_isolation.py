"""A transaction is whole where it must be, and a single statement where that is enough."""

import asyncio

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.postgres.engine import (
    create_engine,
    single_statements,
    transaction,
    whole_transactions,
)
from infra.settings import Settings

_NUMBER = text("SELECT pg_current_xact_id()")


async def is_whole(engine: AsyncEngine) -> bool:
    """Tell whether two statements are of one transaction."""
    async with transaction(engine) as connection:
        first = (await connection.execute(_NUMBER)).scalar_one()
        second = (await connection.execute(_NUMBER)).scalar_one()
    return first == second


def test_transactions_are_whole_again_over_single_statements(settings: Settings) -> None:
    async def scenario() -> None:
        pool = create_engine(settings, process="test")
        single = single_statements(pool)
        # Twice: what one leaves on a connection must not be there for the next.
        for _ in range(2):
            assert await is_whole(pool)
            assert not await is_whole(single)
            assert await is_whole(whole_transactions(single))
            assert await is_whole(whole_transactions(pool))
        await pool.dispose()

    asyncio.run(scenario())

"""Ask every rule of the auditor, and ask again what may only look wrong for a moment."""

import asyncio
from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.postgres.audits.auditor import confirmed, find_violations, may_settle
from infra.postgres.audits.rule import Scope, Violation
from infra.postgres.engine import single_statements, transaction

PATIENCE: Final = timedelta(seconds=5)
"""What a running dispatcher does at most every half second must be done within this."""


async def audit(
    engine: AsyncEngine, scope: Scope, *, patience: timedelta = PATIENCE
) -> list[Violation]:
    """Return every broken promise; empty if all is well. Jobs may move meanwhile.

    Args:
        engine: Where the tables are.
        scope: Which jobs, judged how.
        patience: The time between two looks at what may settle; spent only if there is any.

    Raises:
        DatabaseUnavailableError: PostgreSQL went away.
    """
    async with transaction(single_statements(engine)) as connection:
        first = await find_violations(connection, scope)
    rules = may_settle(first)
    if not rules:
        return first
    await asyncio.sleep(patience.total_seconds())
    async with transaction(single_statements(engine)) as connection:
        later = await find_violations(connection, scope, rules)
    return confirmed(first, later)

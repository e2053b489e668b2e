"""Ask every rule of the auditor, and ask again what may only look wrong for a moment."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.postgres.audits.auditor import RULES, confirmed, find_violations, may_settle
from infra.postgres.audits.rule import Rule, Scope, Violation
from infra.postgres.capacity import capacity
from infra.postgres.engine import single_statements, transaction
from producer.dispatcher.accounts import Catalogue, catalogue_of
from schemas.model_catalog import ModelServer

PATIENCE: Final = timedelta(seconds=5)
"""What a running dispatcher does at most every half second must be done within this."""


async def audit(
    engine: AsyncEngine,
    scope: Scope,
    *,
    patience: timedelta = PATIENCE,
    servers: tuple[ModelServer, ...] = (),
) -> list[Violation]:
    """Return every broken promise; empty if all is well. Jobs may move meanwhile.

    Args:
        engine: Where the tables are.
        scope: Which jobs, judged how.
        patience: The time between two looks at what may settle; spent only if there is any.
        servers: The configured model servers: a job whose servers take no calls for now, or
            whose account is used up, may wait.

    Raises:
        DatabaseUnavailableError: PostgreSQL went away.
    """
    catalogue = catalogue_of(servers)
    async with transaction(single_statements(engine)) as connection:
        first = await _look(connection, scope, catalogue, RULES)
    rules = may_settle(first)
    if not rules:
        return first
    await asyncio.sleep(patience.total_seconds())
    async with transaction(single_statements(engine)) as connection:
        later = await _look(connection, scope, catalogue, rules)
    return confirmed(first, later)


async def _look(
    connection: AsyncConnection, scope: Scope, catalogue: Catalogue, rules: Sequence[Rule]
) -> list[Violation]:
    # What is closed changes between two looks, so each asks for it.
    closed = catalogue.closed(await capacity(connection, catalogue.keys))
    return await find_violations(connection, replace(scope, closed=tuple(closed)), rules)

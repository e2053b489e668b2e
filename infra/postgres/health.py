"""What probes ask of PostgreSQL."""

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_REVISION: Final = text("SELECT version_num FROM alembic_version")
_HAS_REVISION: Final = text("SELECT to_regclass('alembic_version') IS NOT NULL")


async def probe(connection: AsyncConnection) -> None:
    """Ask PostgreSQL for a sign of life."""
    await connection.execute(text("SELECT 1"))


async def schema_revision(connection: AsyncConnection) -> str | None:
    """Return the migration that the schema stands at, or ``None`` for an empty database."""
    if not (await connection.execute(_HAS_REVISION)).scalar_one():
        return None
    return (await connection.execute(_REVISION)).scalar_one_or_none()

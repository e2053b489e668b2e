"""What the command does: upgrade the tables, tell their revision, compare them with code."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.clock import Clock
from infra.postgres.partitions import ensure_partitions
from migrations.drift import find_drift
from schemas.errors import DatabaseUnavailableError, SettingsError

# How far ahead of need the ledger has room, should nobody keep house for a while.
PARTITIONS_AHEAD: Final = timedelta(weeks=3)
_OLDEST_SERVER: Final = 18
_LOCK: Final = 0x67_65_6E_71_6D_69_67_72
_LOCK_WAIT: Final = timedelta(seconds=60)
_LOCK_PAUSE_SECONDS: Final = 0.1


async def upgrade(engine: AsyncEngine, clock: Clock) -> tuple[str | None, str]:
    """Apply what is missing and make room in the ledger; safe to run twice at once.

    Returns:
        The revisions before and after.

    Raises:
        DatabaseUnavailableError: Another upgrade holds the lock for a minute.
        SettingsError: The server is too old.
    """
    async with _alone(engine), engine.connect() as connection:
        await _refuse_old_server(connection)
        before = await connection.run_sync(_revision)
        await connection.rollback()
        await connection.run_sync(_apply)
        await connection.commit()
        await ensure_partitions(connection, now=clock.now(), ahead=PARTITIONS_AHEAD)
        await connection.commit()
        after = await connection.run_sync(_revision)
    return before, str(after)


async def current(engine: AsyncEngine) -> str | None:
    """Return the revision of the database, or None for an empty one."""
    async with engine.connect() as connection:
        return await connection.run_sync(_revision)


async def check(engine: AsyncEngine) -> list[str]:
    """Return what differs between the database and the code, one line each."""
    async with engine.connect() as connection:
        revision = await connection.run_sync(_revision)
        if revision != head():
            return [f"the database is at revision {revision}, the code at {head()}"]
        return await connection.run_sync(find_drift)


def head() -> str:
    """Return the newest revision."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def new_revision(message: str) -> Path:
    """Write the empty file of the next revision and return its path."""
    number = f"{int(head()) + 1:04}"
    script = command.revision(_config(), message=message, rev_id=number)
    if script is None or isinstance(script, list):
        raise SettingsError("Alembic wrote no revision")
    return Path(script.path)


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _apply(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    folder = str(Path(__file__).parent).replace("%", "%%")
    config.set_main_option("script_location", folder)
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    return config


async def _refuse_old_server(connection: AsyncConnection) -> None:
    number = (await connection.execute(text("SHOW server_version_num"))).scalar_one()
    if int(number) < _OLDEST_SERVER * 10_000:
        raise SettingsError(
            f"PostgreSQL {_OLDEST_SERVER} or newer is needed, this is {int(number) // 10_000}"
        )


@asynccontextmanager
async def _alone(engine: AsyncEngine) -> AsyncGenerator[None]:
    """Hold the migration lock.

    The lock is asked for again and again instead of waited for: a waiting statement holds a
    snapshot, and CREATE INDEX CONCURRENTLY in a later revision would wait for that snapshot.
    """
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        take = text("SELECT pg_try_advisory_lock(:key)")
        try:
            async with asyncio.timeout(_LOCK_WAIT.total_seconds()):
                while not (  # noqa: ASYNC110 - the lock is another process's, no event tells
                    await connection.execute(take, {"key": _LOCK})
                ).scalar_one():
                    await asyncio.sleep(_LOCK_PAUSE_SECONDS)
        except TimeoutError:
            raise DatabaseUnavailableError(
                "another upgrade has been running for a minute; try again when it has ended"
            ) from None
        try:
            yield
        finally:
            await connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})

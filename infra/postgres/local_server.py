"""What an embedded server is asked: to have genq's database, and who works with it yet."""

import re
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_PLAIN_NAME: Final = re.compile(r"[a-z_]+")
_HAS_ROLE: Final = text("SELECT count(*) FROM pg_roles WHERE rolname = :name")
_HAS_DATABASE: Final = text("SELECT count(*) FROM pg_database WHERE datname = :name")
_CONNECTED: Final = text("""
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = :application
""")
_SESSION: Final = text("""
SELECT count(*) FROM session WHERE pid = :pid AND expires_at > clock_timestamp()
""")


async def ensure_database(connection: AsyncConnection, name: str) -> None:
    """Make a role that may log in, and its database of the same name, where they are missing.

    Args:
        connection: A superuser's, in autocommit: databases are not made in transactions.
        name: Lower-case letters and underscores.

    Raises:
        ValueError: The name is another one, and would have to be quoted.
    """
    if not _PLAIN_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a plain name")
    if not (await connection.execute(_HAS_ROLE, {"name": name})).scalar_one():
        await connection.execute(text(f"CREATE ROLE {name} LOGIN"))
    if not (await connection.execute(_HAS_DATABASE, {"name": name})).scalar_one():
        await connection.execute(text(f"CREATE DATABASE {name} OWNER {name}"))


async def is_connected(connection: AsyncConnection, application: str) -> bool:
    """Tell whether a process that calls itself ``application`` is connected."""
    found = await connection.execute(_CONNECTED, {"application": application})
    return bool(found.scalar_one())


async def has_live_session(connection: AsyncConnection, pid: int) -> bool:
    """Tell whether a worker with this pid has a session that has not expired."""
    return bool((await connection.execute(_SESSION, {"pid": pid})).scalar_one())

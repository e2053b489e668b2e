"""``python -P -m migrations upgrade|current|check``: what ``genq db`` runs.

Needs GENQ_DATABASE_URL and nothing else. Exit codes: 0 done, 1 the tables differ, 2 usage,
5 server unreachable, 8 settings.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from infra.clock import SystemClock
from infra.postgres.engine import engine_url
from infra.settings import read_database_url
from migrations import apply
from schemas.errors import DatabaseUnavailableError, SettingsError

DRIFT, UNREACHABLE, BAD_SETTINGS = 1, 5, 8


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors are one line on stderr."""
    options = _parse(arguments)
    try:
        if options.command == "revision":
            sys.stdout.write(f"{apply.new_revision(options.message)}\n")
            return 0
        return asyncio.run(_with_database(options.command))
    except SettingsError as error:
        return _fail(error.message, BAD_SETTINGS)
    except DatabaseUnavailableError as error:
        return _fail(error.message, UNREACHABLE)
    except (OperationalError, InterfaceError) as error:
        return _fail(f"cannot reach PostgreSQL: {_first_line(error)}", UNREACHABLE)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="migrations", description="genq's database tables")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("upgrade", help="apply every missing revision")
    commands.add_parser("current", help="print the revision of the database")
    commands.add_parser("check", help="compare the database with the code; 1 if they differ")
    revision = commands.add_parser("revision", help="write the file of a new revision")
    revision.add_argument("message", help="what it does, in a few words")
    return parser.parse_args(arguments)


async def _with_database(command: str) -> int:
    engine = create_async_engine(
        engine_url(read_database_url()),
        poolclass=NullPool,
        connect_args={"connect_timeout": 5, "application_name": "genq migrations"},
    )
    try:
        return await _run(command, engine)
    finally:
        await engine.dispose()


async def _run(command: str, engine: AsyncEngine) -> int:
    if command == "upgrade":
        before, after = await apply.upgrade(engine, SystemClock())
        told = f"{after}, no change" if before == after else f"{before or 'empty'} -> {after}"
        sys.stdout.write(f"database: {told}\n")
        return 0
    if command == "current":
        sys.stdout.write(f"{await apply.current(engine) or 'empty'}\n")
        return 0
    differences = await apply.check(engine)
    for line in differences:
        sys.stdout.write(f"{line}\n")
    if differences:
        return _fail(f"{len(differences)} differences; genq db upgrade may mend them", DRIFT)
    sys.stdout.write(f"database: {apply.head()}, as the code wants it\n")
    return 0


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0]


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"genq: {message}\n")
    return code

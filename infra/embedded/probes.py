"""Whether a child does its work yet: asked of the child's own door, not guessed from time."""

import asyncio
from typing import Final
from urllib.parse import unquote, urlsplit

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.embedded.launch import Probe
from infra.postgres.engine import transaction
from infra.postgres.health import probe
from infra.postgres.local_server import has_live_session, is_connected
from schemas.errors import DatabaseUnavailableError

_ANSWER_SECONDS: Final = 2.0
_OK: Final = b"200"
_ACCEPTED: Final = b"+OK\r\n"
_PONG: Final = b"+PONG\r\n"


def answers(host: str, port: int, path: str) -> Probe:
    """Look whether ``GET path`` is answered with 200."""

    async def look(pid: int) -> str:
        del pid
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                status = await _status_of(host, port, path)
        except (OSError, TimeoutError):
            return f"{host}:{port} does not answer"
        return "" if status == _OK else f"{path} answers {status.decode('ascii', 'replace')}"

    return look


def takes_statements(engine: AsyncEngine) -> Probe:
    """Look whether PostgreSQL answers a statement."""

    async def look(pid: int) -> str:
        del pid
        try:
            async with transaction(engine) as connection:
                await probe(connection)
        except DatabaseUnavailableError as error:
            # Such as "the database system is starting up", while it recovers from a crash.
            return str(error.__cause__ or error).splitlines()[0]
        return ""

    return look


def takes_commands(url: str) -> Probe:
    """Look whether Valkey answers a command.

    Args:
        url: redis://:PASSWORD@HOST:PORT/…
    """
    place = urlsplit(url)
    host, port, password = place.hostname or "", place.port or 0, unquote(place.password or "")

    async def look(pid: int) -> str:
        del pid
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                said = await _pinged(host, port, password)
        except (OSError, TimeoutError):
            return f"{host}:{port} does not answer"
        return "" if said == _PONG else f"Valkey says {said.decode('ascii', 'replace').strip()}"

    return look


def works_with_database(engine: AsyncEngine, application: str) -> Probe:
    """Look whether a process of this name is connected to the database."""

    async def look(pid: int) -> str:
        del pid
        try:
            async with transaction(engine) as connection:
                found = await is_connected(connection, application)
        except DatabaseUnavailableError as error:
            return error.message
        return "" if found else "not connected to PostgreSQL"

    return look


def takes_jobs(engine: AsyncEngine) -> Probe:
    """Look whether the worker of this pid has opened its session."""

    async def look(pid: int) -> str:
        try:
            async with transaction(engine) as connection:
                found = await has_live_session(connection, pid)
        except DatabaseUnavailableError as error:
            return error.message
        return "" if found else "no worker session"

    return look


async def _pinged(host: str, port: int, password: str) -> bytes:
    """Return the last word of a server that is told the password, and greeted.

    Without a client, which would take longer to import than the server to start.
    """
    reader, writer = await asyncio.open_connection(host, port)
    try:
        secret = password.encode()
        writer.write(b"*2\r\n$4\r\nAUTH\r\n$%d\r\n%s\r\n" % (len(secret), secret))
        writer.write(b"*1\r\n$4\r\nPING\r\n")
        accepted = await reader.readline()
        return await reader.readline() if accepted == _ACCEPTED else accepted
    finally:
        writer.close()


async def _status_of(host: str, port: int, path: str) -> bytes:
    """Return the status code; a client library would be the slowest import of the start."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: genq\r\nConnection: close\r\n\r\n".encode())
        fields = (await reader.readline()).split(maxsplit=2)
    finally:
        writer.close()
    return fields[1] if len(fields) > 1 else b"nothing"

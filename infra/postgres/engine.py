"""The way to PostgreSQL: the engine, and the transaction that says when it is unreachable."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, closing, nullcontext
from typing import Any, Final

import psycopg
from sqlalchemy import URL, Connection, Engine, event, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from infra.contents import ENGINE_OPTION, Contents
from infra.postgres.pulse import Pulse
from infra.settings import Settings
from schemas.errors import DatabaseUnavailableError, SettingsError

_AUTOCOMMIT: Final = "AUTOCOMMIT"
_PULSE: Final = "genq_pulse"
_CONNECT_TIMEOUT_SECONDS: Final = 5
# A server whose machine vanished without a word: TCP alone would wait for a quarter of an hour.
# No bound on a statement, however long: a server that is there acknowledges.
_GIVEN_UP_AFTER: Final = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
# The shortest that libpq knows.
_HASTY_CONNECT_SECONDS: Final = 2
_POOL_TIMEOUT_SECONDS: Final = 5
# A process that is frozen inside a transaction must not hold its locks for long.
_SESSION: Final[Mapping[str, str]] = {
    "idle_in_transaction_session_timeout": "10s",
    "statement_timeout": "60s",
    "jit": "off",
    # PostgreSQL 18, 18.4 for one: where a statement waited for a row and looks at it again, the
    # run-time pruning of partitions reads freed memory, and the server dies of it (its commit
    # 1b5dd3a mends that). Without it a statement looks into a handful of partitions more.
    "enable_partition_pruning": "off",
}
# Behind a pooler the process that answers is not the one that was announced when connecting.
_WHO_ANSWERS: Final = "SELECT pg_backend_pid()"
_POOLED: Final = "genq_pooled"
# SQLSTATE classes: connection exception, operator intervention (shutdown, cancel), resources;
# and deadlocks, serialization failures and locks not granted, which another try mends.
_TRANSIENT_CLASSES: Final = ("08", "53", "57")
_UNREACHABLE: Final = "PostgreSQL cannot be reached"
_TRANSIENT_STATES: Final = ("40001", "40P01", "25P03", "55P03")


def engine_url(database_url: str) -> URL:
    """Return the SQLAlchemy form of a ``postgresql://`` URL.

    Raises:
        SettingsError: Not a PostgreSQL URL.
    """
    try:
        url = make_url(database_url)
    except Exception:  # noqa: BLE001 - SQLAlchemy's message would show the password
        raise SettingsError("GENQ_DATABASE_URL is not a URL: postgresql://…") from None
    if url.get_backend_name() not in {"postgresql", "postgres"}:
        raise SettingsError(f"GENQ_DATABASE_URL: {url.get_backend_name()} is not PostgreSQL")
    return url.set(drivername="postgresql+psycopg")


def create_engine(
    settings: Settings, *, process: str, durable: bool = True, hasty: bool = False
) -> AsyncEngine:
    """Return the engine of one process; connections are made when first used.

    Args:
        settings: Where the database is, and how many connections.
        process: Shown in ``pg_stat_activity``.
        durable: Whether a commit waits for the disk. Releases and starts need not: a crash of
            PostgreSQL that forgets one is mended as a lost message is, and whatever is
            durable later makes all that went before it durable.
        hasty: Whether to give up on a server that hangs within three seconds, for who answers
            by HTTP. Such an engine is closed by ``close_engine``.
    """
    session = _SESSION if durable else {**_SESSION, "synchronous_commit": "off"}
    url = engine_url(settings.database_url.get_secret_value())
    pulse = Pulse(_question(url)) if hasty else None
    engine = create_async_engine(
        url,
        pool_size=settings.database_pool_size,
        max_overflow=0,
        # Bound values include prompts, and exceptions are logged.
        hide_parameters=True,
        pool_timeout=_POOL_TIMEOUT_SECONDS,
        execution_options={_PULSE: pulse, ENGINE_OPTION: Contents(settings)},
        connect_args={
            "connect_timeout": _HASTY_CONNECT_SECONDS if hasty else _CONNECT_TIMEOUT_SECONDS,
            "application_name": f"genq {process}",
            **_GIVEN_UP_AFTER,
        },
    )
    # Reads come back as they are; only text() is used on hot paths.
    event.listen(engine.sync_engine, "handle_error", _note_lost_connection)
    if pulse is not None:
        # Who waited for a place in the pool must not wait for the server as well.
        event.listen(engine.sync_engine, "do_connect", lambda *_: pulse.require())
    _set_up_sessions(engine.sync_engine, session, pulse)
    return engine


async def close_engine(engine: AsyncEngine) -> None:
    """Close every connection, and stop watching them."""
    pulse: Pulse | None = engine.get_execution_options().get(_PULSE)
    if pulse is not None:
        await pulse.close()
    await engine.dispose()


def _question(url: URL) -> Callable[[], Awaitable[None]]:
    """Return what connects to the server anew, and raises if it gets no answer."""
    target = url.set(drivername="postgresql").render_as_string(hide_password=False)

    async def ask() -> None:
        try:
            connection = await psycopg.AsyncConnection.connect(
                target, connect_timeout=_HASTY_CONNECT_SECONDS
            )
        except psycopg.OperationalError as error:
            if "FATAL" not in str(error):
                raise
            # It refuses us, so it is there.
            return
        await connection.close()

    return ask


def _set_up_sessions(engine: Engine, session: Mapping[str, str], pulse: Pulse | None) -> None:
    """Give every connection its settings, once if it is ours alone, else per transaction.

    Startup options would be refused by PgBouncer. Behind it a setting would stay with a
    server connection that the next transaction of somebody else gets, and a prepared
    statement would be looked for on one that does not have it.
    """
    calls = (f"set_config('{name}', '{value}', %s)" for name, value in session.items())
    everything = f"SELECT {', '.join(calls)}"
    once = everything.replace("%s", "false")
    each_time = everything.replace("%s", "true")

    def connect(connection: Any, record: Any) -> None:
        driver = connection.driver_connection
        connection.autocommit = True
        watching = pulse.watching(driver) if pulse else nullcontext()
        with watching, closing(connection.cursor()) as cursor:
            cursor.execute(_WHO_ANSWERS)
            pooled = cursor.fetchone() != (driver.info.backend_pid,)
            if not pooled:
                cursor.execute(once)
        connection.autocommit = False
        record.info[_POOLED] = pooled
        if pooled:
            driver.prepare_threshold = None
            if not event.contains(engine, "begin", begin):
                event.listen(engine, "begin", begin)

    def begin(connection: Connection) -> None:
        if connection.info.get(_POOLED) and not _is_single(connection):
            connection.exec_driver_sql(each_time)

    event.listen(engine, "connect", connect)


def _is_single(connection: Connection) -> bool:
    """Whether each statement is a transaction of its own, which no setting can precede."""
    return connection.get_execution_options().get("isolation_level") == _AUTOCOMMIT


def single_statements(engine: AsyncEngine) -> AsyncEngine:
    """Return the same engine, with each statement a transaction of its own.

    Saves the round trips of BEGIN and COMMIT where one statement is all there is, or where a
    second one only reads.
    """
    return engine.execution_options(isolation_level=_AUTOCOMMIT)


def whole_transactions(engine: AsyncEngine) -> AsyncEngine:
    """Return the same engine with real transactions, even if it was of single statements."""
    return engine.execution_options(isolation_level="READ COMMITTED")


def _note_lost_connection(context: object) -> None:
    """Mark the pool stale after a server restart, so that one caller pays and not each."""
    original = getattr(context, "original_exception", None)
    if getattr(original, "sqlstate", None) in {"57P01", "57P02", "25P03"}:
        context.is_disconnect = True  # pyright: ignore[reportAttributeAccessIssue] - SQLAlchemy's ExceptionContext


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncGenerator[AsyncConnection]:
    """Open a transaction, commit it at the end.

    Raises:
        DatabaseUnavailableError: The server cannot be reached, went away, or asked to try
            again. Whether the transaction was committed may be unknown.
    """
    pulse: Pulse | None = engine.get_execution_options().get(_PULSE)
    if pulse is not None:
        pulse.require()
    try:
        async with engine.connect() as connection:
            # Of an engine that was derived twice SQLAlchemy lets the first isolation win, so
            # that whole transactions over single_statements would be none.
            level = engine.get_execution_options().get("isolation_level", _AUTOCOMMIT)
            if level != _AUTOCOMMIT:
                await connection.execution_options(isolation_level=level)
            with pulse.watching(await _line(connection)) if pulse else nullcontext():
                async with connection.begin():
                    yield connection
    except PoolTimeoutError as error:
        raise DatabaseUnavailableError("every database connection is busy") from error
    except DBAPIError as error:
        if not _unavailable(error):
            raise
        state = getattr(error.orig, "sqlstate", None)
        said = f"PostgreSQL asks to try again ({state})" if state else _UNREACHABLE
        raise DatabaseUnavailableError(said) from error


async def _line(connection: AsyncConnection) -> Any:
    return (await connection.get_raw_connection()).driver_connection


def _unavailable(error: DBAPIError) -> bool:
    """Tell an answer that another try may change from a statement that is wrong for good.

    The driver calls both OperationalError (an index row that is too large, for one), so only
    the SQLSTATE counts, and its absence: then no server answered.
    """
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        lost = isinstance(error, OperationalError | InterfaceError)
        return lost or error.connection_invalidated
    return state[:2] in _TRANSIENT_CLASSES or state in _TRANSIENT_STATES

"""The way to PostgreSQL: the engine, and the transaction that says when it is unreachable."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy import URL, event, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from infra.settings import Settings
from schemas.errors import DatabaseUnavailableError, SettingsError

_CONNECT_TIMEOUT_SECONDS: Final = 5
_POOL_TIMEOUT_SECONDS: Final = 5
# A process that is frozen inside a transaction must not hold its locks for long.
_SERVER_OPTIONS: Final = (
    "-c idle_in_transaction_session_timeout=10s -c statement_timeout=60s -c jit=off"
)
# SQLSTATE classes: connection exception, operator intervention (shutdown, cancel), resources;
# and deadlock and serialization failures, which another try mends.
_TRANSIENT_CLASSES: Final = ("08", "53", "57")
_UNREACHABLE: Final = "PostgreSQL cannot be reached"
_TRANSIENT_STATES: Final = ("40001", "40P01", "25P03")


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


def create_engine(settings: Settings, *, process: str, durable: bool = True) -> AsyncEngine:
    """Return the engine of one process; connections are made when first used.

    Args:
        settings: Where the database is, and how many connections.
        process: Shown in ``pg_stat_activity``.
        durable: Whether a commit waits for the disk. Releases and starts need not: a crash of
            PostgreSQL that forgets one is mended as a lost message is, and whatever is
            durable later makes all that went before it durable.
    """
    options = _SERVER_OPTIONS if durable else f"{_SERVER_OPTIONS} -c synchronous_commit=off"
    engine = create_async_engine(
        engine_url(settings.database_url.get_secret_value()),
        pool_size=settings.database_pool_size,
        max_overflow=0,
        # Bound values include prompts, and exceptions are logged.
        hide_parameters=True,
        pool_timeout=_POOL_TIMEOUT_SECONDS,
        connect_args={
            "connect_timeout": _CONNECT_TIMEOUT_SECONDS,
            "application_name": f"genq {process}",
            "options": options,
        },
    )
    # Reads come back as they are; only text() is used on hot paths.
    event.listen(engine.sync_engine, "handle_error", _note_lost_connection)
    return engine


def single_statements(engine: AsyncEngine) -> AsyncEngine:
    """Return the same engine, with each statement a transaction of its own.

    Saves the round trips of BEGIN and COMMIT where one statement is all there is, or where a
    second one only reads.
    """
    return engine.execution_options(isolation_level="AUTOCOMMIT")


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
    try:
        async with engine.begin() as connection:
            yield connection
    except PoolTimeoutError as error:
        raise DatabaseUnavailableError("every database connection is busy") from error
    except DBAPIError as error:
        if not _unavailable(error):
            raise
        state = getattr(error.orig, "sqlstate", None)
        said = f"PostgreSQL asks to try again ({state})" if state else _UNREACHABLE
        raise DatabaseUnavailableError(said) from error


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

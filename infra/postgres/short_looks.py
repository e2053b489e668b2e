"""Looks that give up: a rare filter may walk through all that a tenant has."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.filter_errors import FilterTooWideError

# It gives up long before the connections that others wait for are held by such walks.
PATIENCE: Final = timedelta(seconds=5)
# The planner thinks a partition cheap to read from end to end as soon as most of it is of one
# tenant.
_NO_SCANS: Final = text("""
SELECT set_config('enable_seqscan', 'off', true),
  set_config('statement_timeout', CAST(:milliseconds AS text), true)
""")
_END_SOON: Final = text(
    "SELECT set_config('statement_timeout', CAST(:milliseconds AS text), true)"
)
_GAVE_UP: Final = "57014"


async def look_shortly(connection: AsyncConnection, patience: timedelta = PATIENCE) -> None:
    """Let the rest of the transaction read by indexes, and each statement end soon."""
    await connection.execute(_NO_SCANS, {"milliseconds": _milliseconds(patience)})


async def end_soon(connection: AsyncConnection, patience: timedelta) -> None:
    """Let each statement of the rest of the transaction end soon, however it reads."""
    await connection.execute(_END_SOON, {"milliseconds": _milliseconds(patience)})


@contextmanager
def narrow_enough(what: str, hint: str, patience: timedelta = PATIENCE) -> Generator[None]:
    """Say what to do when a statement inside the block gave up.

    Args:
        what: Is looked through, such as ``jobs``.
        hint: What narrows the look.
        patience: As ``look_shortly`` was told.

    Raises:
        FilterTooWideError: One did.
    """
    with soon_enough(
        f"after {patience.total_seconds():g} s of looking through this tenant's {what} not"
        f" enough were found that fit; narrow it by {hint}"
    ):
        yield


@contextmanager
def soon_enough(message: str) -> Generator[None]:
    """Say ``message`` when a statement inside the block gave up.

    Raises:
        FilterTooWideError: One did.
    """
    try:
        yield
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _GAVE_UP:
            raise
        raise FilterTooWideError(message) from None


def _milliseconds(patience: timedelta) -> str:
    return str(patience // timedelta(milliseconds=1))

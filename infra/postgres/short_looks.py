"""Looks that give up: a rare filter may walk through all that a tenant has."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.filter_errors import FilterTooWideError

# It gives up long before the connections that others wait for are held by such walks.
_LOOK_MILLISECONDS: Final = 5_000
# The planner thinks a partition cheap to read from end to end as soon as most of it is of one
# tenant.
_NO_SCANS: Final = text(
    "SELECT set_config('enable_seqscan', 'off', true),"
    f" set_config('statement_timeout', '{_LOOK_MILLISECONDS}', true)"
)
_GAVE_UP: Final = "57014"


async def look_shortly(connection: AsyncConnection) -> None:
    """Let the rest of the transaction read by indexes, and each statement end soon."""
    await connection.execute(_NO_SCANS)


@contextmanager
def narrow_enough(what: str, hint: str) -> Generator[None]:
    """Say what to do when a statement inside the block gave up.

    Args:
        what: Is looked through, such as ``jobs``.
        hint: What narrows the look.

    Raises:
        FilterTooWideError: One did.
    """
    try:
        yield
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _GAVE_UP:
            raise
        raise FilterTooWideError(
            f"after {_LOOK_MILLISECONDS // 1000} s of looking through this tenant's {what} not"
            f" enough were found that fit; narrow it by {hint}"
        ) from None

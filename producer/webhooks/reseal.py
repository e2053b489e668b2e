"""Sealing everything anew with the newest master key, so that the older ones can go."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.postgres.engine import transaction
from infra.postgres.sealed_keys import TABLES, SealedRow, replace_row, sealed_rows
from infra.postgres.sealed_values import (
    SealedValue,
    replace_sealed,
    sealed_endpoints,
    sealed_secrets,
)
from infra.sealing import Sealer
from schemas.webhook_errors import SealedValueError

_PAGE: Final = 200


@dataclass
class Resealed:
    """What was done.

    Attributes:
        looked: Sealed values that there are.
        sealed: Those that were sealed with an older key, and are with the newest now.
        unreadable: Those that no configured key opens.
    """

    looked: int = 0
    sealed: int = 0
    unreadable: int = 0


async def reseal(engine: AsyncEngine, sealer: Sealer) -> Resealed:
    """Seal everything with the newest key; once more does nothing.

    Every process must have the newest key before this: it could not read what it finds.

    Raises:
        DatabaseUnavailableError: PostgreSQL cannot be reached; what was done stays done.
    """
    done = Resealed()
    await _walk(engine, sealer, done, sealed_secrets)
    await _walk(engine, sealer, done, sealed_endpoints)
    for table in TABLES:
        await _walk_table(engine, sealer, done, table)
    return done


async def _walk_table(engine: AsyncEngine, sealer: Sealer, done: Resealed, table: str) -> None:
    after: dict[str, Any] | None = None
    while True:
        async with transaction(engine) as connection:
            found = await sealed_rows(connection, table, after=after, limit=_PAGE)
            for row in found:
                await _seal_row(connection, sealer, done, row)
        if not found:
            return
        after = found[-1].key


async def _seal_row(
    connection: AsyncConnection, sealer: Sealer, done: Resealed, row: SealedRow
) -> None:
    sealed = _anew(sealer, done, row.sealed, row.place)
    if sealed is not None:
        done.sealed += await replace_row(connection, row, sealed)


async def _walk(
    engine: AsyncEngine,
    sealer: Sealer,
    done: Resealed,
    read: Callable[..., Awaitable[list[SealedValue]]],
) -> None:
    after: UUID | None = None
    while True:
        async with transaction(engine) as connection:
            found = await read(connection, after=after, limit=_PAGE)
            for value in found:
                await _seal(connection, sealer, done, value)
        if not found:
            return
        after = found[-1].id


async def _seal(
    connection: AsyncConnection, sealer: Sealer, done: Resealed, value: SealedValue
) -> None:
    sealed = _anew(sealer, done, value.sealed, value.place)
    if sealed is not None:
        done.sealed += await replace_sealed(connection, value, sealed)


def _anew(sealer: Sealer, done: Resealed, sealed: bytes, place: str) -> bytes | None:
    """Return what was sealed with an older key sealed with the newest."""
    done.looked += 1
    try:
        opened = sealer.open(sealed, place=place)
    except SealedValueError:
        done.unreadable += 1
        return None
    return None if sealer.is_newest(sealed) else sealer.seal(opened, place=place)

"""Sealing everything anew with the newest master key, so that the older ones can go."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.postgres.engine import transaction
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
    return done


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
    done.looked += 1
    try:
        opened = sealer.open(value.sealed, place=value.place)
    except SealedValueError:
        done.unreadable += 1
        return
    if not sealer.is_newest(value.sealed):
        sealed = sealer.seal(opened, place=value.place)
        done.sealed += await replace_sealed(connection, value, sealed)

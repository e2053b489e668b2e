"""Keeps house among webhooks: secrets that expired, lanes that are idle, old recoveries."""

from functools import partial
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.postgres.webhook_house import (
    LARGEST_PIECE,
    forget_expired_secrets,
    forget_idle_lanes,
    forget_old_recoveries,
)
from producer.dispatcher.in_pieces import forget_in_pieces

_forget: Final = partial(forget_in_pieces, largest=LARGEST_PIECE)


async def keep_webhook_house(engine: AsyncEngine) -> None:
    """Run one round, in many short transactions."""
    await _forget(engine, "webhook_secrets_forgotten", forget_expired_secrets)
    await _forget(engine, "webhook_recoveries_forgotten", forget_old_recoveries)
    await _forget(engine, "webhook_lanes_forgotten", forget_idle_lanes)

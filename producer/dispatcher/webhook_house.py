"""Keeps house among webhooks: what expired, what is idle, what nobody will send any more."""

from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.clock import Clock
from infra.notices import LaneNews, NoticedDelivery, write_lane_news
from infra.postgres.engine import transaction
from infra.postgres.webhook_house import (
    LARGEST_PIECE,
    Overdue,
    end_overdue,
    forget_expired_secrets,
    forget_idle_lanes,
    forget_old_recoveries,
    old_deliveries,
)
from schemas.events import EventType, OutboxKind
from schemas.webhooks import Ended

# Of each kind in one round; the next round goes on.
_PIECES: Final = 100
_FIRST: Final = UUID(int=0)
_TOLD_OF: Final = frozenset({OutboxKind.TERMINAL, OutboxKind.LIFECYCLE})

_log: Final = structlog.get_logger()


async def keep_webhook_house(engine: AsyncEngine, clock: Clock) -> None:
    """Run one round, in many short transactions."""
    await _forget(engine, "webhook_secrets_forgotten", forget_expired_secrets)
    await _forget(engine, "webhook_recoveries_forgotten", forget_old_recoveries)
    ended = await _end_overdue(engine, clock)
    if ended:
        _log.warning("webhook_deliveries_overdue", ended=ended)
    await _forget(engine, "webhook_lanes_forgotten", forget_idle_lanes)


async def _forget(
    engine: AsyncEngine, event: str, forget: Callable[[AsyncConnection], Awaitable[int]]
) -> None:
    forgotten = 0
    for _ in range(_PIECES):
        async with transaction(engine) as connection:
            piece = await forget(connection)
        forgotten += piece
        if piece < LARGEST_PIECE:
            break
    if forgotten:
        _log.info(event, rows=forgotten)


async def _end_overdue(engine: AsyncEngine, clock: Clock) -> int:
    after, ended = _FIRST, 0
    for _ in range(_PIECES):
        async with transaction(engine) as connection:
            ids = await old_deliveries(connection, after)
            over = await end_overdue(connection, ids) if ids else []
            news = [_news(one) for one in over if _is_told(one)]
            await write_lane_news(connection, news, at=clock.now())
        ended += len(over)
        if len(ids) < LARGEST_PIECE:
            break
        after = ids[-1]
    return ended


def _is_told(one: Overdue) -> bool:
    return one.ended is Ended.EXHAUSTED and OutboxKind(one.kind) in _TOLD_OF


def _news(one: Overdue) -> LaneNews:
    return LaneNews(
        tenant_id=one.tenant_id,
        endpoint_id=one.endpoint_id,
        revision=0,
        origin=one.origin,
        types=(EventType.DELIVERY_EXHAUSTED,),
        disable=None,
        delivery=NoticedDelivery(
            id=one.id,
            event_id=one.event_id,
            event_type=one.event_type,
            job_id=None if one.job_id == one.event_id else one.job_id,
            attempts=one.attempts,
            outcome="exhausted",
            status=None,
        ),
        failures=0,
        failing_since=None,
    )

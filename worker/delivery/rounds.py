"""The slow round: lanes that nobody woke, deliveries whose time is up. A step at each look."""

from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.clock import Clock
from infra.notices import write_lane_news
from infra.postgres.delivery_lanes import time_of_server
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.forgotten_lanes import expire_deliveries, wake_forgotten_lanes
from worker.delivery.news import expiry_of, is_told_of

EVERY_SECONDS: Final = 30.0
_LANES_A_STEP: Final = 300
_EXPIRED_A_STEP: Final = 200

_log: Final = structlog.get_logger()


class Rounds:
    """Goes round all lanes that are owed something, every half minute.

    Args:
        engine: Where what ends is told of, in one transaction with its end. The caller holds
            no connection of it meanwhile: there may be only one.
        clock: Tells when.
    """

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = whole_transactions(engine)
        self._clock = clock
        self._begin_at = 0.0
        self._after: int | None = None
        self._expires = False

    async def go_on(self) -> bool:
        """Take the next step, if it is time for one; return whether it woke a lane."""
        now = self._clock.monotonic()
        if self._after is None and not self._expires:
            if now < self._begin_at:
                return False
            self._begin_at = now + EVERY_SECONDS
            self._expires = True
        if self._expires:
            self._expires = await self._expire() >= _EXPIRED_A_STEP
        async with transaction(self._engine) as connection:
            after, woken = await wake_forgotten_lanes(
                connection, after=self._after, most=_LANES_A_STEP
            )
        self._after = after
        if woken:
            _log.info("forgotten_lanes_woken", lanes=woken)
        return woken > 0

    async def _expire(self) -> int:
        async with transaction(self._engine) as connection:
            expired = await expire_deliveries(connection, most=_EXPIRED_A_STEP)
            news = [expiry_of(one) for one in expired if is_told_of(one)]
            if news:
                at = await time_of_server(connection)
                await write_lane_news(connection, news, at=at)
        if expired:
            _log.warning("deliveries_expired", deliveries=len(expired))
        return len(expired)

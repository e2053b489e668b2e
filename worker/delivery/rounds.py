"""The slow round: lanes that nobody woke, deliveries whose time is up. A step at each look."""

from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.clock import Clock
from infra.postgres.forgotten_lanes import expire_deliveries, wake_forgotten_lanes

EVERY_SECONDS: Final = 30.0
_LANES_A_STEP: Final = 300
_EXPIRED_A_STEP: Final = 200

_log: Final = structlog.get_logger()


class Rounds:
    """Goes round all lanes that are owed something, every half minute.

    Args:
        clock: Tells when.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._begin_at = 0.0
        self._after: int | None = None
        self._expires = False

    async def go_on(self, connection: AsyncConnection) -> bool:
        """Take the next step, if it is time for one; return whether it woke a lane."""
        now = self._clock.monotonic()
        if self._after is None and not self._expires:
            if now < self._begin_at:
                return False
            self._begin_at = now + EVERY_SECONDS
            self._expires = True
        if self._expires:
            ended = await expire_deliveries(connection, most=_EXPIRED_A_STEP)
            self._expires = ended >= _EXPIRED_A_STEP
            if ended:
                _log.warning("deliveries_expired", deliveries=ended)
        self._after, woken = await wake_forgotten_lanes(
            connection, after=self._after, most=_LANES_A_STEP
        )
        if woken:
            _log.info("forgotten_lanes_woken", lanes=woken)
        return woken > 0

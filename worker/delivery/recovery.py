"""Sends events of the past again, some hundred at a time, behind everything that is live.

However many events a recovery covers, the table of what is owed never holds more than a
thousand of them for one endpoint: the next are added as these are taken.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from datetime import timedelta
from enum import Enum
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.clock import SystemClock
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.recovery_walk import (
    CHUNK,
    MOST_WAITING,
    Held,
    end_recovery,
    put_off,
    step_recovery,
    take_recovery,
)
from schemas.errors import DatabaseUnavailableError
from schemas.ids import format_id
from worker.delivery.recovery_pace import RecoveryPace

# While nothing is asked for, or the process cannot ask.
_IDLE_SECONDS: Final = 1.0
# Until an endpoint has taken some of what it is owed.
_FULL_PAUSE: Final = timedelta(milliseconds=250)
# And until its receiver is tried again.
_BLOCKED_PAUSE: Final = timedelta(seconds=5)
# Of one that meets what nobody thought of.
_DEFECT_PAUSE: Final = timedelta(minutes=1)
# A recovery takes at most half of the time, so that what is live finds the database free.
_LEAST_PAUSE: Final = 0.02
# Beside what is live it looks at a second's worth of what is sent again, or at so many events
# at the least, for most may be none of it; and has so many seconds' worth owed.
_PAUSE_BESIDE_LIVE: Final = 0.1
_LEAST_PIECE: Final = 50
_OWED_SECONDS: Final = 5.0
_LEAST_OWED: Final = 100

_GONE: Final = "the endpoint was deleted"
_DISABLED: Final = (
    "the endpoint was disabled: enable it, and start another recovery from where this one ended"
)

_log: Final = structlog.get_logger()


class Step(Enum):
    """What one step came to."""

    NOTHING = "nothing"
    """No recovery is under way, or all wait."""
    WAITS = "waits"
    """Enough of it is owed."""
    LOOKED = "looked"
    QUEUED = "queued"
    """Deliveries were made."""
    ENDED = "ended"


class RecoveryWalker:
    """Takes the steps of all recoveries in turn; several processes share them.

    Args:
        engine: Where the rows are.
        tell: Is called when there is something to deliver.
        pace: Of what this process sends again: the walk keeps to it.
        chunk: The most events looked at in one step.
        most: Recovered deliveries that one endpoint is owed at once.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        tell: Callable[[], Awaitable[None]],
        *,
        pace: RecoveryPace | None = None,
        chunk: int = CHUNK,
        most: int = MOST_WAITING,
    ) -> None:
        self._engine = whole_transactions(engine)
        self._tell = tell
        self._pace = pace or RecoveryPace(SystemClock())
        self._chunk = chunk
        self._most = most

    async def run(self) -> None:
        """Take steps until cancelled."""
        loop = asyncio.get_running_loop()
        # When a recovery that is under way is looked at again, at the latest.
        busy_until = loop.time()
        while True:
            began = loop.time()
            try:
                step = await self.step()
            except DatabaseUnavailableError as error:
                _log.warning("recovery_waits_for_database", error=error.message)
                step = Step.NOTHING
            except Exception:  # noqa: BLE001 - deliveries go on, whatever a recovery meets
                _log.exception("recovery_step_failed")
                step = Step.NOTHING
            now = loop.time()
            if step is not Step.NOTHING:
                busy_until = now + 2 * _FULL_PAUSE.total_seconds()
                await asyncio.sleep(max(now - began, self._least_pause()))
            elif now < busy_until:
                await asyncio.sleep(_FULL_PAUSE.total_seconds())
            else:
                await asyncio.sleep(_IDLE_SECONDS)

    async def step(self) -> Step:
        """Look at the next events of the recovery whose turn it is.

        Raises:
            DatabaseUnavailableError: What was not committed is done again.
        """
        held: Held | None = None
        try:
            async with transaction(self._engine) as connection:
                held = await take_recovery(connection)
                if held is None:
                    return Step.NOTHING
                step = await self._go_on(connection, held)
        except DatabaseUnavailableError:
            raise
        except Exception:
            # Its turn would come first again, and nobody else's.
            if held is not None:
                async with transaction(self._engine) as connection:
                    await put_off(connection, held, _DEFECT_PAUSE)
            raise
        if step is Step.QUEUED:
            await self._tell()
        return step

    def _least_pause(self) -> float:
        return _LEAST_PAUSE if self._pace.rate == math.inf else _PAUSE_BESIDE_LIVE

    def _piece(self) -> int:
        """Return how many events to look at: beside what is live, a few."""
        return int(min(self._chunk, max(_LEAST_PIECE, self._pace.rate)))

    def _owed_at_most(self) -> int:
        return int(min(self._most, max(_LEAST_OWED, _OWED_SECONDS * self._pace.rate)))

    async def _go_on(self, connection: AsyncConnection, held: Held) -> Step:
        why = _GONE if held.gone else _DISABLED if held.disabled else None
        if why is not None:
            await end_recovery(connection, held, why)
            _ended(held, why)
            return Step.ENDED
        # A few at a time would cost a walk each.
        most = self._owed_at_most()
        if held.waiting > most // 2:
            pause = _BLOCKED_PAUSE if held.blocked else _FULL_PAUSE
            await put_off(connection, held, pause)
            return Step.WAITS
        made = await step_recovery(connection, held, chunk=self._piece(), most=most)
        return Step.QUEUED if made else Step.LOOKED


def _ended(held: Held, why: str) -> None:
    _log.info("recovery_ended", recovery=format_id("whr", held.recovery.id), reason=why)

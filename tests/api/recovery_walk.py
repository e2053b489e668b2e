"""Recoveries as a delivery process walks them, step by step, and as callers ask for them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from tests.api.delivery_history import History, Sent
from tests.fixtures.endpoints import Made
from worker.delivery.recovery import RecoveryWalker, Step

LONG_AGO = "2026-01-01T00:00:00Z"


class Walk:
    """A delivery process's recoveries, step by step."""

    def __init__(self, history: History, *, chunk: int = 500, most: int = 1000) -> None:
        self.history = history
        self.rings = 0
        self.walker = RecoveryWalker(
            history.api.services.engine, self._ring, chunk=chunk, most=most
        )

    async def _ring(self) -> None:
        self.rings += 1

    async def steps(self) -> list[Step]:
        """Take steps until there is nothing to do, or enough is owed."""
        taken: list[Step] = []
        while not taken or taken[-1] not in {Step.NOTHING, Step.WAITS}:
            taken.append(await self.walker.step())
        return taken

    async def owed(self) -> list[UUID]:
        """Return the recovered events in the order in which they are sent."""
        rows = await self.history.sql(
            "SELECT event_id FROM delivery WHERE rank = 1 AND trigger = 3 ORDER BY next_at"
        )
        return [row.event_id for row in rows]


async def recover(history: History, made: Made, **body: Any) -> dict[str, Any]:
    since = history.api.services.clock.now() - timedelta(hours=1)
    path = f"/v1/webhook_endpoints/{made.shown}/recover"
    answer = await history.api.http.post(path, json={"since": since.isoformat(), **body})
    assert answer.status_code == 202, answer.text
    return answer.json()


async def state(history: History, recovery: dict[str, Any]) -> dict[str, Any]:
    place = f"/webhook_endpoints/{recovery['endpoint_id']}/recoveries/{recovery['id']}"
    return await history.get(place)


def events(sent: Sequence[Sent]) -> list[UUID]:
    return sorted(one.event_id for one in sent)

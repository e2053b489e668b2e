"""A few at a time: between them the event loop sees to everything else that is due."""

import asyncio
from collections import deque


class Turnstile:
    """Lets so many through per round of the event loop, the others in the order they came.

    A thousand attempts that start at once would otherwise keep the loop busy with nothing but
    their requests' bodies for the best part of a second: no answer read, no session renewed.

    Args:
        width: How many pass in one round.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._passed = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._turning = False

    async def enter(self) -> None:
        """Return at once if there is room in this round, else in a later one."""
        if not self._turning:
            self._turning = True
            asyncio.get_running_loop().call_soon(self._turn)
        if self._passed < self._width and not self._waiting:
            self._passed += 1
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        await place

    def _turn(self) -> None:
        self._passed = 0
        while self._waiting and self._passed < self._width:
            place = self._waiting.popleft()
            # Whoever was cancelled has left.
            if not place.done():
                place.set_result(None)
                self._passed += 1
        self._turning = self._passed > 0
        if self._turning:
            asyncio.get_running_loop().call_soon(self._turn)

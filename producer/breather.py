"""A long list of small pieces of work must not hold up everybody else on the loop."""

import asyncio
from typing import Final

_LONGEST_SECONDS: Final = 0.005


class Breather:
    """Gives way now and then; made where the work begins, asked between its pieces."""

    def __init__(self) -> None:
        self._clock = asyncio.get_running_loop().time
        self._until = self._clock() + _LONGEST_SECONDS

    async def breathe(self) -> None:
        """Let others run if this one has had the loop for five milliseconds."""
        if self._clock() >= self._until:
            await asyncio.sleep(0)
            self._until = self._clock() + _LONGEST_SECONDS

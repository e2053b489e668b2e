"""What tells model servers that nobody waits for their work any more."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

CANCEL_SECONDS: Final = 30.0
"""How long a server may take to be told: one that is busy answers late, and must still hear."""

# Less than a worker that stops gives its attempts to close.
_CLOSE_SECONDS: Final = 2.0


class Cancels:
    """The calls under way that give work up; no job waits for them.

    Args:
        patience: Seconds that closing waits for them.
    """

    def __init__(self, patience: float = _CLOSE_SECONDS) -> None:
        self._patience = patience
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, cancel: Coroutine[Any, Any, None]) -> None:
        """Run one; it must end by itself."""
        task = asyncio.create_task(cancel)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Wait for them, but not for servers that stay silent."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=self._patience)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

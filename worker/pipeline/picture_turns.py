"""One thread, and whose turn it is: tenants go round."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class PictureTurns:
    """Lets one piece of work at a time into a thread; whose waited longest comes next.

    Each tenant has one turn, then the others that wait have theirs. What is given up goes on
    to its end, and holds the thread: memory stays bounded.

    Args:
        name: Of the thread.
    """

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        # In the order of their turns.
        self._waiting: dict[int, deque[asyncio.Future[None]]] = {}
        self._taken = False

    async def run(self, tenant_id: int, work: Callable[[], T]) -> T:
        """Return what work comes to, once it had its turn; raise what it raises."""
        await self._turn(tenant_id)
        try:
            running = asyncio.get_running_loop().run_in_executor(self._thread, work)
        except BaseException:
            self._pass_on()
            raise
        running.add_done_callback(self._done)
        return await asyncio.shield(running)

    def close(self) -> None:
        """Let the thread end when it is done."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _turn(self, tenant_id: int) -> None:
        if not self._taken:
            self._taken = True
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant_id, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._pass_on()
            raise

    def _done(self, running: asyncio.Future[T]) -> None:
        if not running.cancelled():
            # Nobody else asks for it where the work was given up.
            running.exception()
        self._pass_on()

    def _pass_on(self) -> None:
        while self._waiting:
            tenant_id = next(iter(self._waiting))
            turns = self._waiting.pop(tenant_id)
            turn = turns.popleft()
            if turns:
                self._waiting[tenant_id] = turns
            if not turn.done():
                turn.set_result(None)
                return
        self._taken = False

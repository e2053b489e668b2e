"""What comes at the same time is judged in a row: then code and tables are in the caches.

On a busy process the first of a row takes two to three times as long as those behind it.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

_IN_A_ROW: Final = 8
"""A millisecond or two; then others have their turn."""

T = TypeVar("T")
_Work = tuple[Callable[[], Any], Context, asyncio.Future[Any]]


class Turns:
    """Does pieces of work that come within one turn of an event loop one after another."""

    def __init__(self) -> None:
        self._rows: WeakKeyDictionary[asyncio.AbstractEventLoop, deque[_Work]] = (
            WeakKeyDictionary()
        )

    async def do(self, work: Callable[[], T]) -> T:
        """Return what some arithmetic gives, or raise what it raises; the next turn does it.

        Args:
            work: Takes a fraction of a millisecond, and waits for nothing.
        """
        loop = asyncio.get_running_loop()
        row = self._rows.setdefault(loop, deque())
        future: asyncio.Future[T] = loop.create_future()
        if not row:
            loop.call_soon(_go_on, loop, row)
        row.append((work, copy_context(), future))
        return await future


def _go_on(loop: asyncio.AbstractEventLoop, row: deque[_Work]) -> None:
    try:
        for _ in range(min(_IN_A_ROW, len(row))):
            work, context, future = row.popleft()
            if future.done():
                # Whoever asked has gone.
                continue
            try:
                # In the caller's context: what is logged says whose job it is.
                future.set_result(context.run(work))
            except StopIteration as error:
                # A future takes none: to whoever awaits it, it would say something else.
                future.set_exception(RuntimeError(repr(error)))
            except Exception as error:  # noqa: BLE001 - raised where the caller waits
                future.set_exception(error)
            except BaseException:
                # It ends the loop; nobody may wait for an answer meanwhile.
                future.cancel()
                raise
    finally:
        if row:
            loop.call_soon(_go_on, loop, row)

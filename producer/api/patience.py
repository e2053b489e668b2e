"""A wait that ends although what is waited for does not."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

Result = TypeVar("Result")

_left_behind: Final[set["asyncio.Task[Any]"]] = set()


async def within(seconds: float, work: Coroutine[Any, Any, Result]) -> Result:
    """Return what ``work`` returns, if it does so soon enough.

    It is not cancelled when it does not: the driver would ask the server, which hangs, to
    cancel its statement, and wait for that too. It ends by its own limits, unheard.

    Raises:
        TimeoutError: The time is over.
    """
    task = asyncio.create_task(work)
    _left_behind.add(task)
    task.add_done_callback(_forget)
    done, _ = await asyncio.wait({task}, timeout=seconds)
    if not done:
        raise TimeoutError
    return task.result()


def _forget(task: "asyncio.Task[Any]") -> None:
    _left_behind.discard(task)
    if not task.cancelled():
        # Looked at, so that asyncio does not complain of an exception that nobody heard.
        task.exception()

"""Several awaitables at once, ending as one."""

from asyncio import TaskGroup
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

Result = TypeVar("Result")


async def together(coroutines: Sequence[Coroutine[Any, Any, Result]]) -> tuple[Result, ...]:
    """Run all of them concurrently and return their results in the same order.

    Raises:
        BaseException: The first failure, itself and not in a group; the others are cancelled
            and have ended.
    """
    if len(coroutines) == 1:
        return (await coroutines[0],)
    try:
        async with TaskGroup() as group:
            tasks = [group.create_task(coroutine) for coroutine in coroutines]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return tuple(task.result() for task in tasks)

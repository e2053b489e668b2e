"""Pause, resume and drain a lane, a model or a tenant."""

import asyncio
from collections.abc import Callable
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.audit_actor import record
from infra.clock import Clock
from infra.doorbells import READY, WAKE, Doorbells
from infra.postgres import pauses
from infra.postgres.engine import transaction
from infra.postgres.pauses import InFlight, Pause, Scope, Target
from schemas.audit import INSTALLATION

# A dispatcher that read the mark just before it changed ends its turn within this.
SETTLE_SECONDS: Final = 0.5
_LOOK_SECONDS: Final = 0.5

OnProgress = Callable[[InFlight], None]


class NotDrainedError(Exception):
    """Time ran out with jobs in flight; what was paused stays so."""

    def __init__(self, left: InFlight) -> None:
        super().__init__(f"{left.released} released and {left.running} running")
        self.left = left


async def pause(engine: AsyncEngine, target: Target) -> Pause:
    """Release nothing of ``target`` from now on; return what waits there.

    Raises:
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    async with transaction(engine) as connection:
        since = await pauses.pause(connection, target)
        await _record(connection, "paused", target)
    async with transaction(engine) as connection:
        waiting = await pauses.count_waiting(connection, target)
        inflight = await pauses.count_in_flight(connection, target)
    return Pause(target, since, waiting, inflight.total)


async def resume(engine: AsyncEngine, doorbells: Doorbells, target: Target) -> bool:
    """Release jobs of ``target`` again, at once; return whether it was paused.

    Raises:
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    async with transaction(engine) as connection:
        was_paused = await pauses.resume(connection, target)
        await _record(connection, "resumed", target)
    await _unpark(engine, target)
    await doorbells.ring(WAKE, READY)
    # Once more for the flows that such a dispatcher parked behind our back.
    await asyncio.sleep(SETTLE_SECONDS)
    if await _unpark(engine, target):
        await doorbells.ring(WAKE, READY)
    return was_paused


async def drain(
    engine: AsyncEngine,
    target: Target,
    *,
    timeout: float,  # noqa: ASYNC109 - ends with what is left, not by cancellation
    clock: Clock,
    on_progress: OnProgress,
) -> float:
    """Pause ``target`` and wait until nothing of it is in flight; return how many seconds.

    Args:
        engine: PostgreSQL.
        target: What is to run dry; it stays paused.
        timeout: Seconds.
        clock: Measures them.
        on_progress: Hears of every change of what is in flight.

    Raises:
        NotDrainedError: Jobs were still in flight at the end of ``timeout``.
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    began = clock.monotonic()
    async with transaction(engine) as connection:
        await pauses.pause(connection, target)
        await _record(connection, "drained", target)
    await asyncio.sleep(SETTLE_SECONDS)
    told: InFlight | None = None
    while True:
        async with transaction(engine) as connection:
            left = await pauses.count_in_flight(connection, target)
        spent = clock.monotonic() - began
        if left != told:
            told = left
            on_progress(left)
        if not left.total:
            return spent
        if spent >= timeout:
            raise NotDrainedError(left)
        await asyncio.sleep(min(_LOOK_SECONDS, max(timeout - spent, 0)))


async def _record(connection: AsyncConnection, action: str, target: Target) -> None:
    of_tenant = target.scope is Scope.TENANT
    await record(
        connection,
        target.id if of_tenant else INSTALLATION,
        f"{target.scope.value}.{action}",
        f"{target.scope.value} {target.name}",
        {},
    )


async def _unpark(engine: AsyncEngine, target: Target) -> int:
    """Unpark all flows of ``target``, some at a time; return how many."""
    total = 0
    while True:
        async with transaction(engine) as connection:
            found = await pauses.unpark_resumed(connection, target)
        total += found
        if found < pauses.UNPARK_BATCH:
            return total

"""Keeps batches: takes up those that nobody keeps, and works on each until it has ended.

Any number of keepers may run. Each batch is held by a lease, which is renewed, and a fence,
which every write names: one that stalled past its lease writes nothing any more.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Final
from uuid import UUID
from weakref import WeakValueDictionary

import structlog

from infra.postgres.batch_leases import claim_batches, let_go_of_batches, renew_leases
from infra.postgres.batch_steps import BatchLostError
from infra.postgres.engine import transaction
from producer.batches.parts import BatchParts
from producer.batches.patience import Patience
from producer.batches.run import BatchRun
from schemas.errors import DatabaseUnavailableError, GenqError
from schemas.ids import format_id

# Batches that one process holds. Most of them wait for jobs.
_HELD: Final = 1_024
# Of these, how many read or write a whole file at once, and how many do anything else; of one
# tenant one of each.
_HEAVY: Final = 2
_LIGHT: Final = 2
_RENEWALS: Final = 4
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0
_LEAVING_SECONDS: Final = 2.0
# What a server behind, or a person, may mend: it is waited for. All else is a fault of genq's
# own, and comes again however often the step is done.
_MENDED_OUTSIDE: Final = (GenqError, OSError)

_log: Final = structlog.get_logger()


class _Turns:
    """Steps that may be done at once, one of a tenant: the tenants take turns."""

    def __init__(self, places: int) -> None:
        self._places = asyncio.Semaphore(places)
        self._tenants = WeakValueDictionary[int, asyncio.Lock]()

    @asynccontextmanager
    async def of(self, tenant_id: int) -> AsyncGenerator[None]:
        own = self._tenants.setdefault(tenant_id, asyncio.Lock())
        async with own, self._places:
            yield


class BatchKeeper:
    """The dispatcher's duty to batches.

    Args:
        parts: What it takes.
    """

    def __init__(self, parts: BatchParts) -> None:
        self._parts = parts
        self._runs: dict[UUID, BatchRun] = {}
        self._tasks: dict[UUID, asyncio.Task[None]] = {}
        self._heavy = _Turns(_HEAVY)
        self._light = _Turns(_LIGHT)
        self._renew_at = 0.0

    async def keep(self) -> None:
        """Renew what is held, and take up what nobody keeps; called again and again.

        Raises:
            DatabaseUnavailableError: PostgreSQL cannot be reached.
        """
        loop, lease = asyncio.get_running_loop(), self._parts.settings.batch_lease
        if self._runs and loop.time() >= self._renew_at:
            late = await self._renew()
            # What somebody else locked just now is tried again by the next call.
            self._renew_at = loop.time() + (0 if late else lease.total_seconds() / _RENEWALS)
        room = _HELD - len(self._runs)
        if room <= 0:
            return
        async with transaction(self._parts.engine) as connection:
            claimed = await claim_batches(connection, lease, limit=room)
        for batch, fence in claimed:
            # A lease that ran out here was taken again: the old run has lost it.
            self._drop(batch.id)
            run = self._runs[batch.id] = BatchRun(self._parts, batch, fence)
            self._tasks[batch.id] = asyncio.create_task(self._work(run))

    async def close(self) -> None:
        """Stop at once, and let others go on."""
        tasks, held = list(self._tasks.values()), list(self._runs.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._runs.clear()
        self._tasks.clear()
        if not held:
            return
        # What is not let go of is taken up when its lease is over.
        with suppress(DatabaseUnavailableError, TimeoutError):
            async with (
                asyncio.timeout(_LEAVING_SECONDS),
                transaction(self._parts.engine) as connection,
            ):
                kept = [(run.kept.id, run.kept.fence) for run in held]
                await let_go_of_batches(connection, kept)

    async def _renew(self) -> bool:
        """Return whether some of them are to be tried again soon."""
        lease = self._parts.settings.batch_lease
        held = {key: run.kept.fence for key, run in self._runs.items()}
        async with transaction(self._parts.engine) as connection:
            found = await renew_leases(connection, held, lease)
        for key, fence in held.items():
            run = self._runs.get(key)
            if run is not None and run.kept.fence == fence:
                run.note(found.statuses.get(key))
        return bool(found.late)

    async def _work(self, run: BatchRun) -> None:
        failures, patience = 0, self._patience()
        try:
            while True:
                pause: float | None
                try:
                    turns = self._heavy if run.heavy else self._light
                    async with turns.of(run.batch.tenant_id):
                        pause = await run.step()
                    if failures:
                        failures, patience = 0, self._patience()
                except BatchLostError:
                    return
                except Exception as error:  # noqa: BLE001 - the others go on, and it is tried again
                    failures += 1
                    pause = min(_FIRST_PAUSE * 2 ** (failures - 1), _LONGEST_PAUSE)
                    _tell(run, error)
                    run.doubt()
                    if not isinstance(error, _MENDED_OUTSIDE) and not patience.lasts():
                        await _abandon(run)
                if pause is None:
                    return
                await asyncio.sleep(pause)
        finally:
            if self._runs.get(run.kept.id) is run:
                del self._runs[run.kept.id], self._tasks[run.kept.id]

    def _patience(self) -> Patience:
        return Patience(self._parts.clock, self._parts.settings.batch_patience)

    def _drop(self, batch_id: UUID) -> None:
        task = self._tasks.pop(batch_id, None)
        self._runs.pop(batch_id, None)
        if task is not None:
            task.cancel()


async def _abandon(run: BatchRun) -> None:
    """End a batch that genq cannot go on with; what cannot be ended now is tried again."""
    with suppress(BatchLostError):
        try:
            await run.abandon()
        except Exception as error:  # noqa: BLE001 - told, and tried again
            _tell(run, error)


def _tell(run: BatchRun, error: Exception) -> None:
    batch_id = format_id("batch", run.kept.id)
    if isinstance(error, GenqError):
        _log.warning(
            "batch_step_failed", batch_id=batch_id, code=error.code, reason=error.message
        )
    else:
        _log.error("batch_step_failed", batch_id=batch_id, exc_info=error)

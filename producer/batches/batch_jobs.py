"""The jobs of one batch, where they are to end before it does."""

from typing import Final

import structlog

from infra.postgres.batch_steps import Kept, lock_batch
from infra.postgres.engine import transaction
from producer.batches.parts import BatchParts
from producer.batches.patience import Patience
from schemas.cancel_request import CancelRequest
from schemas.errors import DatabaseUnavailableError
from schemas.ids import format_id

# Each of them goes on for ten seconds at the most.
_CALLS: Final = 6

_log: Final = structlog.get_logger()


class BatchJobs:
    """Cancels them.

    Args:
        parts: What it takes.
        kept: Their batch, by its fence.
        tenant_id: Whose it is.
    """

    def __init__(self, parts: BatchParts, kept: Kept, tenant_id: int) -> None:
        self._parts = parts
        self._kept = kept
        self._tenant_id = tenant_id
        self._patience = Patience(parts.clock, parts.settings.batch_patience)
        self._told_to_end = False

    @property
    def told_to_end(self) -> bool:
        """Whether each of them has ended, or its worker was told."""
        return self._told_to_end

    async def cancel(self) -> None:
        """Cancel some of them, or all.

        Raises:
            DatabaseUnavailableError: PostgreSQL cannot be reached.
        """
        wanted = CancelRequest(batch_id=format_id("batch", self._kept.id))
        report = await self._parts.canceller.cancel_matching(self._tenant_id, wanted)
        self._told_to_end = not report.more

    async def cancel_all(self) -> None:
        """Cancel them all, or find that this cannot be done for as long as is waited for.

        Raises:
            BatchLostError: Somebody else keeps the batch: its jobs are left alone.
            DatabaseUnavailableError: PostgreSQL cannot be reached, or is slow: try again.
        """
        async with transaction(self._parts.engine) as connection:
            await lock_batch(connection, self._kept)
        try:
            for _ in range(_CALLS):
                await self.cancel()
                if self._told_to_end:
                    return
        except Exception:
            # Whatever it is: it must not keep the batch from its end for ever.
            if self._patience.lasts():
                raise
        else:
            if self._patience.lasts():
                raise DatabaseUnavailableError("the jobs of a batch took too long to cancel")
        _log.warning("batch_jobs_run_on", batch_id=format_id("batch", self._kept.id))

"""What the ends of attempts write of flights: who asked for others, and who waits for whom."""

from collections.abc import Collection, Sequence
from typing import Final, Protocol
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.cache import CacheKey
from infra.postgres.flights import Landing, Wait, land, lock, wait
from schemas.claim import Claim, Pointer
from schemas.queue_errors import IdenticalJobRunsError
from worker.pipeline.job_run import JobRun
from worker.pipeline.outcome import Decision, Retry, Succeed

# What an entry takes beside its output: rows, and their places in indexes.
_ROW: Final = 1024


class Ended(Protocol):
    """The end of an attempt, of whichever kind."""

    @property
    def claim(self) -> Claim:
        """The attempt."""
        ...


class AttemptFlights:
    """Remembers what is owed with ends that are about to be written; most owe nothing."""

    def __init__(self) -> None:
        self._landings: dict[Pointer, Landing] = {}
        self._waits: dict[Pointer, Wait] = {}

    def expect(self, run: JobRun, decision: Decision) -> None:
        """Take note of an end before it is written."""
        claim, flight = run.claim, run.flight
        if flight is not None:
            made = isinstance(decision, Succeed)
            self._landings[_pointer(claim)] = flight.landing(
                made=made,
                bytes_made=_size(run) if made else 0,
                stand_in=run.served_by is not None and run.served_by.model != claim.model,
            )
        error = decision.error if isinstance(decision, Retry) else None
        if isinstance(error, IdenticalJobRunsError):
            key = CacheKey(*error.key)
            self._waits[_pointer(claim)] = Wait(key, claim.job_id, claim.fence)

    def written(self, run: JobRun, decision: Decision) -> None:
        """Take note that an end was tried to be written: who waits here looks for himself."""
        pointer = _pointer(run.claim)
        self._landings.pop(pointer, None)
        self._waits.pop(pointer, None)
        if run.flight is not None:
            run.flight.landed(made=isinstance(decision, Succeed))

    def lands(self, ends: Sequence[Ended]) -> bool:
        """Return whether one of the ends ends a flight: it is part of a transaction then."""
        return bool(self._landings) and any(_pointer(e.claim) in self._landings for e in ends)

    async def write(
        self, connection: AsyncConnection, ends: Sequence[Ended], written: Collection[UUID]
    ) -> bool:
        """Write what is owed with ends, in the transaction that writes them.

        Args:
            connection: The transaction.
            ends: All that it tried to write.
            written: Jobs whose ends are written. Of the others, which were superseded, nothing
                is kept and nobody waits, but their flights are over as well.

        Returns:
            Whether jobs may go on that waited.
        """
        if not self._landings and not self._waits:
            return False
        waits: list[Wait] = []
        landings: list[Landing] = []
        for pointer in [_pointer(end.claim) for end in ends]:
            waiting, landing = self._waits.get(pointer), self._landings.get(pointer)
            if waiting is not None and pointer.job_id in written:
                waits.append(waiting)
            if landing is not None:
                made = pointer.job_id in written
                landings.append(landing if made else landing.of_nothing())
        if waits:
            await lock(connection, [*waits, *landings])
        await wait(connection, waits)
        return await land(connection, landings)


def _pointer(claim: Claim) -> Pointer:
    return Pointer(claim.job_id, claim.fence)


def _size(run: JobRun) -> int:
    output = run.output
    if output is None:
        return 0
    texts = len(output.text or "") + len(orjson.dumps(output.details))
    return _ROW + sum(artifact.bytes for artifact in run.artifacts) + texts

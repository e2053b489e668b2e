"""What models gave of late, as they gave it: for jobs that ask for the same a moment later."""

import asyncio
from collections import OrderedDict
from datetime import timedelta
from typing import Final
from uuid import UUID

from infra.clock import Clock
from worker.providers.provider import Reply

_MOST_BYTES: Final = 64 << 20
_LONGEST: Final = timedelta(minutes=1)


class RecentReplies:
    """Keeps pictures in memory for a minute, up to 64 MiB of them.

    Whether a job may have them is asked of the ledger each time; this saves the reading.
    """

    def __init__(self, clock: Clock, *, most: int = _MOST_BYTES) -> None:
        self._clock = clock
        self._most = most
        self._held: OrderedDict[UUID, tuple[Reply, float]] = OrderedDict()
        self._bytes = 0
        self._next: asyncio.TimerHandle | None = None

    def put(self, job_id: UUID, reply: Reply) -> None:
        """Keep what was made for a job."""
        self._forget_old()
        self._take(job_id)
        size = _size(reply)
        if not 0 < size <= self._most:
            return
        self._held[job_id] = (reply, self._clock.monotonic() + _LONGEST.total_seconds())
        self._bytes += size
        while self._bytes > self._most:
            self._take(next(iter(self._held)))
        if self._next is None:
            self._look_later()

    def get(self, job_id: UUID) -> Reply | None:
        """Return what was made for a job, if it is still here."""
        self._forget_old()
        found = self._held.get(job_id)
        return found[0] if found else None

    def close(self) -> None:
        """Forget everything."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        self._held.clear()
        self._bytes = 0

    def _look_later(self) -> None:
        """Forget what is too old in a while, even if nobody asks for anything by then."""
        loop = asyncio.get_running_loop()
        self._next = loop.call_later(_LONGEST.total_seconds(), self._look)

    def _look(self) -> None:
        self._next = None
        self._forget_old()
        if self._held:
            self._look_later()

    def _forget_old(self) -> None:
        now = self._clock.monotonic()
        while self._held:
            job_id, (_, until) = next(iter(self._held.items()))
            if until > now:
                return
            self._take(job_id)

    def _take(self, job_id: UUID) -> None:
        found = self._held.pop(job_id, None)
        if found is not None:
            self._bytes -= _size(found[0])


def _size(reply: Reply) -> int:
    return reply.bytes

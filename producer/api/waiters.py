"""Requests that wait for a job's end: one listener wakes exactly those that it concerns.

The doorbell only says "look": the answer always comes from PostgreSQL. While Valkey cannot be
reached, each waiter looks every second. The same connection listens for all streams of the
process (``Listener``).
"""

import asyncio
import contextlib
from collections.abc import Generator, Sequence
from typing import Final, Protocol, Self
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import Receive

from infra.doorbells import DONE, Bell, Doorbells, Ring
from infra.group_commit import GroupCommit
from infra.postgres.engine import transaction
from infra.postgres.read_jobs import get_jobs
from schemas.errors import DatabaseUnavailableError
from schemas.ids import format_id
from schemas.job import JobRecord

# Without the doorbell, and with it (a ring can be lost with the connection that carried it).
_LOOK_SECONDS: Final = 1.0
_SAFETY_SECONDS: Final = 5.0
_BELL_SECONDS: Final = 30.0


class Listener(Protocol):
    """Who else hears what this process listens for: the ends of jobs, and ``channels``.

    Attributes:
        bell: What it hears by; says whether the line is up.
    """

    channels: tuple[str, ...]
    bell: Bell | None

    def heard(self, ring: Ring) -> None:
        """Take a ring; one without a message says that the line was down."""
        ...

    def release(self) -> None:
        """Send everybody home: the process is about to stop."""
        ...


class Waiters:
    """Everybody in this process who waits for a job; an async context manager.

    Args:
        engine: Where jobs are read: those that are rung at once in one statement.
        doorbells: Where ends of jobs are announced.
        listeners: Who else hears that.
    """

    def __init__(self, engine: AsyncEngine, doorbells: Doorbells, *listeners: Listener) -> None:
        self._engine = engine
        self._doorbells = doorbells
        self._looks = GroupCommit[tuple[UUID, int], JobRecord | None](self._look, name="look")
        self._listeners = listeners
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._bell: Bell | None = None
        self._listener: asyncio.Task[None] | None = None
        self._closing = False

    async def __aenter__(self) -> Self:
        """Begin to listen."""
        self._listener = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Send everybody home and stop listening."""
        self.release()
        if self._listener is not None:
            self._listener.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listener
        await self._looks.close()

    def release(self) -> None:
        """Let every waiter answer with what is known: the process is about to stop."""
        self._closing = True
        self._wake_all()
        for listener in self._listeners:
            listener.release()

    @property
    def closing(self) -> bool:
        """Whether everybody was sent home, because the process is about to stop."""
        return self._closing

    @property
    def waiting(self) -> int:
        """How many jobs are waited for."""
        return len(self._waiting)

    def waiting_for(self, job_id: UUID) -> int:
        """Return how many wait for a job."""
        return len(self._waiting.get(format_id("job", job_id), ()))

    async def ended(
        self,
        job: JobRecord,
        *,
        seconds: float,
        receive: Receive,
    ) -> JobRecord:
        """Return the job as soon as it has ended, or as it is when the time is over.

        Ends early if the client hangs up or the process stops. A database that is away does
        not end the wait: the job was accepted, and the caller must hear that.

        Args:
            job: What is known of it.
            seconds: The longest wait.
            receive: The request's ASGI channel, its body read already.
        """
        loop = asyncio.get_running_loop()
        give_up = loop.time() + seconds
        with self._expecting(format_id("job", job.id)) as rung:
            left = asyncio.create_task(_hang_up(receive, rung))
            try:
                while True:
                    # Cleared before the look: a ring during it must not be forgotten.
                    rung.clear()
                    with contextlib.suppress(DatabaseUnavailableError):
                        job = await self._looks.add((job.id, job.tenant_id)) or job
                    rest = give_up - loop.time()
                    if job.state.final or self._closing or left.done() or rest <= 0:
                        return job
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(min(rest, self._pause())):
                            await rung.wait()
            finally:
                left.cancel()

    async def _look(self, jobs: Sequence[tuple[UUID, int]]) -> Sequence[JobRecord | None]:
        async with transaction(self._engine) as connection:
            found = await get_jobs(connection, jobs)
        return [found.get(job_id) for job_id, _ in jobs]

    def _pause(self) -> float:
        listening = self._bell is not None and self._bell.connected
        return _SAFETY_SECONDS if listening else _LOOK_SECONDS

    @contextlib.contextmanager
    def _expecting(self, job_id: str) -> Generator[asyncio.Event]:
        rung = asyncio.Event()
        waiting = self._waiting.setdefault(job_id, set())
        waiting.add(rung)
        try:
            yield rung
        finally:
            waiting.discard(rung)
            if not waiting:
                self._waiting.pop(job_id, None)

    async def _listen(self) -> None:
        channels = [channel for each in self._listeners for channel in each.channels]
        async with self._doorbells.listen(DONE, *channels) as bell:
            self._bell = bell
            for listener in self._listeners:
                listener.bell = bell
            while True:
                ring = await bell.wait(_BELL_SECONDS)
                if ring is not None:
                    self._heard(ring)

    def _heard(self, ring: Ring) -> None:
        for listener in self._listeners:
            listener.heard(ring)
        if not ring.message:
            # The line was down: anything may have ended meanwhile.
            self._wake_all()
            return
        if ring.channel != DONE:
            return
        for job_id in ring.message.split():
            for rung in self._waiting.get(job_id, ()):
                rung.set()

    def _wake_all(self) -> None:
        for waiting in self._waiting.values():
            for rung in waiting:
                rung.set()


async def _hang_up(receive: Receive, rung: asyncio.Event) -> None:
    """Wait for the client to leave, then ring."""
    while (await receive())["type"] != "http.disconnect":
        pass
    rung.set()

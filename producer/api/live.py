"""Everybody who watches jobs in this process: one connection listens for all of them.

Doorbells and workers' news only say "look": what happened comes from PostgreSQL, read once per
change and job for all its watchers, many jobs in one statement. While Valkey cannot be reached,
watched jobs are looked at every second. Only progress, unknown to the ledger, comes as news.
"""

import asyncio
import contextlib
from collections.abc import Generator, Sequence
from typing import Final, Self
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.clock import Clock
from infra.doorbells import DONE, Bell, Doorbells, Ring
from infra.new_ids import new_key
from infra.postgres.engine import transaction
from infra.postgres.job_moves import read_moves
from infra.postgres.read_jobs import get_jobs
from infra.progress import WATCHED, ProgressLine, decode_news, encode_watched, news_channel
from infra.settings import Settings
from producer.api.live_job import LiveJob, Watcher
from producer.api.live_positions import Positions
from schemas.errors import DatabaseUnavailableError
from schemas.job import JobRecord
from schemas.progress import Place

# Without the doorbell, and with it (a ring can be lost with the connection that carried it).
_LOOK_SECONDS: Final = 1.0
_SAFETY_SECONDS: Final = 5.0
# Workers forget in three times this what they are not told again.
_ANNOUNCE_SECONDS: Final = 10.0
# Two looks begin at least this far apart: what happens at once is read at once.
_PACE_SECONDS: Final = 0.01
_LARGEST: Final = 500

_log: Final = structlog.get_logger()


class LiveJobs:
    """The watched jobs of one API process; an async context manager.

    Attributes:
        channels: What its listener must hear besides ends of jobs.
        bell: The listener's, once there is one.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        settings: Settings,
        doorbells: Doorbells,
        line: ProgressLine,
        clock: Clock,
    ) -> None:
        self._channel = news_channel(str(new_key()))
        self.channels = (self._channel,)
        self.bell: Bell | None = None
        self._engine = engine
        self._public_url = settings.public_url.rstrip("/")
        self._doorbells = doorbells
        self._line = line
        self._jobs: dict[UUID, LiveJob] = {}
        self._names: dict[str, LiveJob] = {}
        self._clients: set[Watcher] = set()
        self._due: set[LiveJob] = set()
        self._new: set[UUID] = set()
        self._look_now = asyncio.Event()
        self._announce_now = asyncio.Event()
        self._positions = Positions(engine, settings, clock, self._jobs.values)
        self._tasks: list[asyncio.Task[None]] = []
        self._asking: set[asyncio.Task[None]] = set()
        self._closing = False

    async def __aenter__(self) -> Self:
        """Begin to look."""
        work = (self._look(), self._announce(), self._positions.run())
        self._tasks = [asyncio.create_task(task) for task in work]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Send everybody home and stop looking."""
        self.release()
        tasks = [*self._tasks, *self._asking]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def release(self) -> None:
        """End every stream: the process is about to stop, and clients shall come back."""
        self._closing = True
        for client in self._clients:
            client.dismiss()

    @property
    def watched(self) -> int:
        """How many jobs are watched."""
        return len(self._jobs)

    @contextlib.contextmanager
    def watching(
        self, job: JobRecord, seen: Place, *, words: bool = False
    ) -> Generator[Watcher]:
        """Let a client watch ``job`` from behind ``seen`` until the block ends.

        Args:
            job: As it was read a moment ago.
            seen: What the client has heard.
            words: Whether it wants the text so far, as far as that may be shown.
        """
        live = self._jobs.get(job.id)
        if live is None:
            live = LiveJob(job, self._public_url)
            self._jobs[live.id] = self._names[live.name] = live
            self._new.add(live.id)
            self._announce_now.set()
            self._is_due(live)
        if words and not live.words:
            live.words = True
            self._new.add(live.id)
            self._announce_now.set()
        client = Watcher(live, seen)
        live.watchers.add(client.rung)
        self._clients.add(client)
        if self._closing:
            client.dismiss()
        try:
            yield client
        finally:
            self._clients.discard(client)
            live.watchers.discard(client.rung)
            if not live.watchers:
                self._forget(live)

    def heard(self, ring: Ring) -> None:
        """Take what the listener heard."""
        if not ring.message:
            # The line was down: anything may have happened, and news may be sent in vain.
            self._all_due()
            self._new.update(self._jobs)
            self._announce_now.set()
        elif not self._jobs:
            return
        elif ring.channel == DONE:
            for name in ring.message.split():
                live = self._names.get(name)
                if live is not None:
                    self._is_due(live)
        elif ring.channel == self._channel:
            self._take_news(ring.message)

    def _take_news(self, message: str) -> None:
        news = decode_news(message)
        live = self._jobs.get(news[0]) if news else None
        if news is None or live is None:
            return
        progress = news[1]
        if progress is not None:
            live.reported(progress)
        # The first report of an attempt may come instead of the news of its start.
        moves = live.moves if live.running else None
        if progress is None or moves is None or progress.fence != moves.fence:
            self._is_due(live)

    def _forget(self, live: LiveJob) -> None:
        if self._jobs.get(live.id) is live:
            del self._jobs[live.id], self._names[live.name]
        self._due.discard(live)
        self._new.discard(live.id)

    def _is_due(self, live: LiveJob) -> None:
        if not live.over:
            self._due.add(live)
            self._look_now.set()

    def _all_due(self) -> None:
        for live in self._jobs.values():
            self._is_due(live)

    # --- reading

    async def _look(self) -> None:
        """Read what is due, for ever."""
        while True:
            await self._wait_for_due()
            self._look_now.clear()
            jobs = list(self._due)[:_LARGEST]
            self._due.difference_update(jobs)
            if self._due:
                self._look_now.set()
            try:
                await self._read(jobs)
            except DatabaseUnavailableError:
                self._due.update(live for live in jobs if live.watchers)
                await asyncio.sleep(_LOOK_SECONDS)
            except Exception:  # noqa: BLE001 - streams would say nothing for ever
                _log.exception("live_look_failed")
                await asyncio.sleep(_LOOK_SECONDS)
            await asyncio.sleep(_PACE_SECONDS)

    async def _wait_for_due(self) -> None:
        listening = self.bell is not None and self.bell.connected
        pause = _SAFETY_SECONDS if listening else _LOOK_SECONDS
        try:
            async with asyncio.timeout(pause if self._jobs else None):
                await self._look_now.wait()
        except TimeoutError:
            self._all_due()

    async def _read(self, jobs: Sequence[LiveJob]) -> None:
        if not jobs:
            return
        async with transaction(self._engine) as connection:
            moves = await read_moves(connection, [(live.id, live.tenant_id) for live in jobs])
            ended = await get_jobs(
                connection, [(m.job_id, m.tenant_id) for m in moves.values() if m.state.final]
            )
        for live in jobs:
            found = moves.get(live.id)
            if found is None:
                live.gone()
                continue
            live.moved(found, ended.get(live.id))
            if live.waits:
                self._positions.hurry()
        self._catch_up([live for live in jobs if live.running and not live.progress_asked])

    def _catch_up(self, jobs: Sequence[LiveJob]) -> None:
        """Ask once for the progress that was made before anybody watched."""
        if not jobs:
            return
        for live in jobs:
            live.progress_asked = True
        # Beside the looks: a Valkey that hangs must not stop them.
        task = asyncio.create_task(self._ask_for_progress(jobs))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _ask_for_progress(self, jobs: Sequence[LiveJob]) -> None:
        kept = await self._line.progress_of([live.id for live in jobs])
        for live in jobs:
            if live.id in kept:
                live.reported(kept[live.id])

    # --- telling workers

    async def _announce(self) -> None:
        """Tell workers which jobs are watched here: new ones at once, all from time to time."""
        while True:
            try:
                async with asyncio.timeout(_ANNOUNCE_SECONDS if self._jobs else None):
                    await self._announce_now.wait()
            except TimeoutError:
                self._new.update(self._jobs)
            self._announce_now.clear()
            jobs = [live for job in self._new if not (live := self._jobs[job]).over]
            self._new.clear()
            for words in (False, True):
                wanted = [live.id for live in jobs if live.words is words]
                for start in range(0, len(wanted), _LARGEST):
                    some = wanted[start : start + _LARGEST]
                    message = encode_watched(self._channel, some, words=words)
                    await self._doorbells.ring(WATCHED, message)

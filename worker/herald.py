"""Tells those who asked for it that attempts began, and how far they are, by webhook.

A job says whether anybody asked when it is submitted: of the others nothing is written. What is
told is written down beside the attempt, many jobs in one statement, and not waited for, except
by the attempt's end: an event must not be overtaken by the next one of its job.
"""

import asyncio
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.doorbells import DELIVER, Doorbells
from infra.group_commit import GroupCommit
from infra.job_events import progress_event, started_event
from infra.postgres.engine import single_statements, transaction
from infra.postgres.publish import Publication, publish_events
from infra.settings import Settings
from schemas.claim import Claim
from schemas.errors import DatabaseUnavailableError
from schemas.events import FIRST_STEP, LAST_STEP
from schemas.progress import Progress
from schemas.webhooks import Hears

_EVERY_SECONDS: Final = 0.5
# A message in a chat is not edited more often, and each event has somebody look at it again.
_CHAT_SECONDS: Final = 2.0
# Of a long attempt less often: its events have as many numbers as a short one's.
_SHARE_OF_TIME: Final = 1 / 300
_HEARD: Final = Hears.STARTED | Hears.PROGRESS

_log: Final = structlog.get_logger()


@dataclass(slots=True, eq=False)
class _Told:
    """What was told of a running attempt, and what is to be told next."""

    claim: Claim
    began: float
    step: int = FIRST_STEP
    next_at: float = 0.0
    latest: Progress | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)
    start: asyncio.Task[None] | None = None
    follower: asyncio.Task[None] | None = None

    @property
    def every(self) -> float:
        return _CHAT_SECONDS if Hears.CHAT in self.claim.hears else _EVERY_SECONDS


class Herald:
    """Publishes ``job.started`` and ``job.progress`` of this worker's attempts.

    Args:
        engine: The way to PostgreSQL.
        settings: Where callers reach the API, and how long a write is tried.
        doorbells: Rung after each group of events for which something is owed.
    """

    def __init__(self, engine: AsyncEngine, settings: Settings, doorbells: Doorbells) -> None:
        self._statements = single_statements(engine)
        self._public_url = settings.public_url
        self._doorbells = doorbells
        self._told: dict[UUID, _Told] = {}
        self._writes = GroupCommit[Publication, None](
            self._write, name="publish", patience=settings.session_ttl
        )

    @contextmanager
    def telling(self, claim: Claim) -> Generator[None]:
        """Tell that an attempt began, and of its progress until the block ends."""
        if not claim.hears & _HEARD:
            yield
            return
        told = _Told(claim, asyncio.get_running_loop().time())
        self._told[claim.job_id] = told
        if Hears.STARTED in claim.hears:
            event = started_event(claim, self._public_url)
            told.start = asyncio.create_task(self._publish(event))
        try:
            yield
        finally:
            told.over.set()
            if self._told.get(claim.job_id) is told:
                del self._told[claim.job_id]

    def progressed(self, claim: Claim, progress: Progress) -> None:
        """Take a report of how far an attempt is; what it overtakes is not told."""
        told = self._told.get(claim.job_id)
        if told is None or told.claim is not claim or Hears.PROGRESS not in claim.hears:
            return
        told.latest = progress
        if told.follower is None or told.follower.done():
            told.follower = asyncio.create_task(self._follow(told))

    async def settle(self, claim: Claim) -> None:
        """Tell no more of an attempt, and wait until what was told of it is written."""
        told = self._told.get(claim.job_id)
        if told is None or told.claim is not claim:
            return
        told.over.set()
        under_way = [task for task in (told.start, told.follower) if task is not None]
        if under_way:
            await asyncio.wait(under_way)

    async def close(self) -> None:
        """Wait for what is being written."""
        await self._writes.close()

    async def _follow(self, told: _Told) -> None:
        loop = asyncio.get_running_loop()
        while told.latest is not None and told.step + 1 < LAST_STEP:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(told.next_at):
                    await told.over.wait()
            if told.over.is_set():
                # What comes next says more.
                return
            progress, told.latest = told.latest, None
            told.step += 1
            now = loop.time()
            told.next_at = now + max(told.every, (now - told.began) * _SHARE_OF_TIME)
            await self._publish(
                progress_event(told.claim, progress, told.step, self._public_url)
            )

    async def _publish(self, publication: Publication) -> None:
        try:
            await self._writes.add(publication)
        except DatabaseUnavailableError:
            _log.warning("event_not_published", event_type=publication.type)
        except Exception:  # noqa: BLE001 - an attempt must not end for what is told of it
            _log.exception("event_refused", event_type=publication.type)

    async def _write(self, publications: Sequence[Publication]) -> Sequence[None]:
        async with transaction(self._statements) as connection:
            owed = await publish_events(connection, publications)
        if owed:
            await self._doorbells.ring(DELIVER)
        return [None] * len(publications)

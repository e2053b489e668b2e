"""How far attempts are: told to those who watch their jobs, at most twice a second and job.

APIs announce which jobs are watched; that is kept here in memory, so that a job which nobody
watches costs a look into a dictionary. What is told goes through Valkey and may get lost:
nothing waits for it, and what is overtaken is not sent.

What a message in a chat shows is kept there without being asked for: who edits it looks itself.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Final, Protocol
from uuid import UUID

import structlog

from infra.clock import Clock, SystemClock
from infra.doorbells import Doorbells
from infra.progress import (
    MAX_TEXT_CHARACTERS,
    WATCHED,
    News,
    ProgressLine,
    decode_watched,
)
from infra.safety.opening import asks_others
from infra.settings import Settings
from schemas.claim import Claim
from schemas.job import iso_ms
from schemas.progress import Progress
from schemas.tenant_plan import SafetyLevel
from schemas.webhooks import Hears

_EVERY_SECONDS: Final = 0.5
# Messages in chats are edited every two seconds or more.
_CHAT_SECONDS: Final = 1.0
# APIs say it again every ten seconds.
_FORGET_SECONDS: Final = 30.0
_SWEEP_SECONDS: Final = 10.0
_MOST_WATCHED: Final = 100_000
_BELL_SECONDS: Final = 30.0

_log: Final = structlog.get_logger()


@dataclass(slots=True, eq=False)
class _Attempt:
    """A running attempt, and the last that it reported; ``chat``: a message shows it."""

    progress: Progress
    chat: bool
    preview: bytes | None = None
    next_at: float = 0.0
    timer: asyncio.TimerHandle | None = None

    @property
    def reported(self) -> bool:
        return self.progress.number > 0


class OutputJudge(Protocol):
    """Whoever knows whether words of an unfinished text may be shown."""

    async def passes(self, claim: Claim, text: str) -> bool:
        """Return whether a caller may see this much of what a model writes."""
        ...


class LiveNews:
    """What the APIs hear of this worker's attempts.

    Attributes:
        judge: Of words; without one none are shown before they are all there.

    Args:
        line: Where it goes.
        clock: For the time of a report.
        previews: Whether anything may be shown of a picture before it is done.
    """

    def __init__(self, line: ProgressLine, clock: Clock, *, previews: bool = True) -> None:
        self.judge: OutputJudge | None = None
        self._previews = previews
        self._line = line
        self._clock = clock
        # Job to channel to the time until which that one wants news; those who want words too.
        self._watched: dict[UUID, dict[str, float]] = {}
        self._read: dict[UUID, float] = {}
        self._running: dict[UUID, _Attempt] = {}
        self._pending: set[UUID] = set()
        self._sender: asyncio.Task[None] | None = None
        self._sweep_at = 0.0
        self._told: Callable[[Claim, Progress], None] = _nobody

    def tell(self, told: Callable[[Claim, Progress], None]) -> None:
        """Have another one hear of every report of an attempt."""
        self._told = told

    @contextmanager
    def running(self, claim: Claim) -> Generator[None]:
        """Tell that an attempt begins, take its reports, and tell that it is over."""
        job_id = claim.job_id
        attempt = _Attempt(Progress(claim.fence, claim.attempt, 0, ""), _in_chat(claim))
        self._running[job_id] = attempt
        if job_id in self._watched:
            self._tell(job_id)
        try:
            yield
        finally:
            if attempt.timer is not None:
                attempt.timer.cancel()
            if self._running.get(job_id) is attempt:
                del self._running[job_id]
            if job_id in self._watched:
                self._tell(job_id)

    def is_watched(self, claim: Claim) -> bool:
        """Return whether anybody watches the job: only then is a preview worth its making.

        Where somebody judges what pictures show, nothing is shown that was not judged.
        """
        if not self._previews or claim.safety_level is SafetyLevel.STRICT:
            return False
        return claim.job_id in self._watched or _in_chat(claim)

    def is_read(self, claim: Claim) -> bool:
        """Return whether anybody wants the words so far, and may have them: see above."""
        return self.is_watched(claim) and (claim.job_id in self._read or _in_chat(claim))

    def progressed(
        self,
        claim: Claim,
        *,
        step: int | None = None,
        steps: int | None = None,
        characters: int | None = None,
        text: str | None = None,
        preview: bytes | None = None,
    ) -> None:
        """Report how far an attempt is.

        Args:
            claim: The attempt.
            step: How many of ``steps`` are done.
            steps: How many there are.
            characters: The length of the text so far.
            text: What may be shown of it, of which no more than so much is told.
            preview: A small JPEG of what is there so far.
        """
        attempt = self._running.get(claim.job_id)
        if attempt is None or attempt.progress.fence != claim.fence:
            return
        attempt.progress = replace(
            attempt.progress,
            number=attempt.progress.number + 1,
            at=iso_ms(self._clock.now()),
            fraction=round(step / steps, 4) if step is not None and steps else None,
            step=step,
            steps=steps,
            characters=characters,
            text=text[:MAX_TEXT_CHARACTERS] if text else attempt.progress.text,
            preview=len(preview) if preview else attempt.progress.preview,
        )
        attempt.preview = preview or attempt.preview
        self._told(claim, attempt.progress)
        if attempt.chat or claim.job_id in self._watched:
            self._report(claim.job_id, attempt)

    async def listen(self, doorbells: Doorbells) -> None:
        """Hear what is watched, until it is cancelled itself."""
        async with doorbells.listen(WATCHED) as bell:
            while True:
                ring = await bell.wait(_BELL_SECONDS)
                if ring is not None and ring.message:
                    self.heard(ring.message)

    def heard(self, message: str) -> None:
        """Take an API's word on what is watched there."""
        told = decode_watched(message)
        if told is None:
            return
        now = asyncio.get_running_loop().time()
        if now >= self._sweep_at or len(self._watched) > _MOST_WATCHED:
            self._sweep(now)
        for job_id in told.jobs:
            channels = self._watched.setdefault(job_id, {})
            new = told.channel not in channels
            channels[told.channel] = now + _FORGET_SECONDS
            if told.words:
                self._read[job_id] = now + _FORGET_SECONDS
            # It may have begun before anybody listened.
            if new and job_id in self._running:
                self._tell(job_id)

    async def close(self) -> None:
        """Send what is to be sent."""
        if self._sender is not None:
            await asyncio.wait([self._sender])
        await self._line.close()

    def _sweep(self, now: float) -> None:
        self._sweep_at = now + _SWEEP_SECONDS
        for job_id, channels in list(self._watched.items()):
            for channel, until in list(channels.items()):
                if until < now:
                    del channels[channel]
            if not channels:
                del self._watched[job_id]
        self._read = {job_id: until for job_id, until in self._read.items() if until >= now}
        if len(self._watched) > _MOST_WATCHED:
            # Streams then live on what their own looks find.
            _log.warning("too_many_watched", jobs=len(self._watched))
            self._watched.clear()
            self._read.clear()

    def _report(self, job_id: UUID, attempt: _Attempt) -> None:
        loop = asyncio.get_running_loop()
        if attempt.timer is not None:
            return
        if loop.time() >= attempt.next_at:
            watched = job_id in self._watched
            attempt.next_at = loop.time() + (_EVERY_SECONDS if watched else _CHAT_SECONDS)
            self._tell(job_id)
        else:
            attempt.timer = loop.call_at(attempt.next_at, self._report_later, job_id, attempt)

    def _report_later(self, job_id: UUID, attempt: _Attempt) -> None:
        attempt.timer = None
        self._report(job_id, attempt)

    def _tell(self, job_id: UUID) -> None:
        self._pending.add(job_id)
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send())

    async def _send(self) -> None:
        while self._pending:
            jobs, self._pending = self._pending, set()
            told = [self._news_of(job_id) for job_id in jobs]
            # Nobody listens, and there is nothing to keep.
            news = [one for one in told if one.channels or one.keep_words]
            if news:
                await self._line.send(news)

    def _news_of(self, job_id: UUID) -> News:
        channels = tuple(self._watched.get(job_id, ()))
        attempt = self._running.get(job_id)
        if attempt is None or not attempt.reported:
            return News(job_id, channels)
        preview, attempt.preview = attempt.preview, None
        return News(job_id, channels, attempt.progress, preview, keep_words=attempt.chat)


@asynccontextmanager
async def open_news(settings: Settings, doorbells: Doorbells) -> AsyncGenerator[LiveNews]:
    """Give the news of a worker, which hears what is watched until the block ends."""
    line = ProgressLine(settings.doorbell_url())
    news = LiveNews(line, SystemClock(), previews=not asks_others(settings))
    listener = asyncio.create_task(news.listen(doorbells))
    try:
        yield news
    finally:
        listener.cancel()
        await asyncio.wait([listener])
        await news.close()


def _in_chat(claim: Claim) -> bool:
    # Most want nothing told: a flag is looked for in the others alone.
    return bool(claim.hears) and Hears.CHAT in claim.hears


def _nobody(claim: Claim, progress: Progress) -> None:
    """Hear nothing."""
    del claim, progress

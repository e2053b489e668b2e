"""Runs attempts: start by compare-and-set, stages under the wall time, one fenced end.

Starts and ends of many attempts share statements. What an attempt's end means is decided in
``worker.pipeline.outcome``; what it writes is built in ``infra.endings``.
"""

import asyncio
import random
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import timedelta
from typing import Final, Protocol
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.doorbells import Doorbells
from infra.group_commit import GroupCommit
from infra.postgres.engine import single_statements, transaction
from infra.postgres.flows import wake_flows
from infra.postgres.release import return_releases
from infra.postgres.start import start_attempts
from infra.settings import Settings
from infra.telemetry.metrics import JOB_WAIT_SECONDS, SLOTS, SLOTS_BUSY, STALE_POINTERS
from schemas.claim import Claim, Pointer
from schemas.errors import DatabaseUnavailableError, JobCancelledError
from schemas.expiry import not_ended
from schemas.ids import format_id
from worker.attempt_ends import AttemptEnds
from worker.hand import Hand
from worker.pipeline.job_run import JobRun
from worker.pipeline.outcome import Decision, RetryPolicy, decide
from worker.pipeline.run import Stage, Trail, run_stages
from worker.progress import LiveNews
from worker.spans import attempt_span
from worker.turnstile import Turnstile

# A request's body takes about a millisecond to make.
_AT_ONCE: Final = 8
# A loop reads its clock once a round, and counts in milliseconds: a job must not expire before
# its deadline by PostgreSQL's clock.
_LOOPS_CLOCK: Final = timedelta(milliseconds=20)

_log: Final = structlog.get_logger()


class Session(Protocol):
    """Whose attempts these are. ``id`` is ``None`` while there is no valid session."""

    id: int | None

    async def drain(self) -> None:
        """Say that this worker takes nothing new."""
        ...


class AttemptRunner:
    """Takes pointers and sees each through to an end, or drops it.

    Args:
        engine: The way to PostgreSQL.
        settings: Slots, time limits, retry policy.
        doorbells: Rung after each group of ends.
        session: Whose attempts these are.
        stages: The pipeline.
        starting: The engine for starts, if another; its commits need not be durable.
        news: Told which attempts run, for those who watch their jobs.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        settings: Settings,
        doorbells: Doorbells,
        session: Session,
        stages: Sequence[Stage],
        *,
        starting: AsyncEngine | None = None,
        news: LiveNews | None = None,
    ) -> None:
        self._engine = engine
        self._starting = single_statements(starting or engine)
        self._settings = settings
        self._session = session
        self._stages = tuple(stages)
        self._running = news.running if news else _unwatched
        self._policy = RetryPolicy(
            settings.max_attempts, settings.retry_base, settings.retry_cap
        )
        self._slots = asyncio.Semaphore(settings.slots)
        self._turnstile = Turnstile(_AT_ONCE)
        self._in_hand: dict[Pointer, Hand] = {}
        self._draining = False
        self._starts = GroupCommit[Pointer, Claim | None](
            self._start, name="start", patience=settings.session_ttl
        )
        self.ends = AttemptEnds(engine, settings, doorbells)
        if news is not None:
            news.tell(self.ends.herald.progressed)
        SLOTS.set(settings.slots)

    async def run(
        self, pointers: Sequence[Pointer], ended: Callable[[], None] | None = None
    ) -> None:
        """Run the attempts of these pointers, as slots fall free; return when all ended.

        Args:
            pointers: One message's.
            ended: Called once for each pointer that is done with.
        """
        async with asyncio.TaskGroup() as group:
            for pointer in pointers:
                # A pointer that is in hand already came twice: the second finds nothing to do.
                if pointer in self._in_hand:
                    if ended:
                        ended()
                    continue
                self._in_hand[pointer] = Hand()
                group.create_task(self._see_through(pointer, ended))

    def orphans(self, running: Collection[Pointer]) -> list[Pointer]:
        """Return which attempts run under this worker's session, but not in its hands."""
        return [pointer for pointer in running if pointer not in self._in_hand]

    def abandon(self) -> None:
        """Stop every attempt without a word: the session is lost, others will run them."""
        for hand in self._in_hand.values():
            hand.abandon()

    def cancel(self, job_ids: Collection[UUID]) -> None:
        """End the attempts of these jobs: their callers want them no more."""
        unwanted = set(job_ids)
        for pointer, hand in self._in_hand.items():
            if pointer.job_id in unwanted:
                hand.cancel()

    async def drain(self) -> None:
        """Start nothing new."""
        self._draining = True
        await self._session.drain()

    async def close(self) -> None:
        """Wait for what is being written."""
        await self._starts.close()
        await self.ends.close()

    async def _see_through(self, pointer: Pointer, ended: Callable[[], None] | None) -> None:
        try:
            await self._run_pointer(pointer)
        except Exception:  # noqa: BLE001 - one pointer's fault must not cancel its neighbours
            _log.exception("attempt_failed", job_id=format_id("job", pointer.job_id))
        finally:
            self._in_hand.pop(pointer, None)
            if ended:
                ended()

    async def _run_pointer(self, pointer: Pointer) -> None:
        async with self._slots:
            if self._draining:
                await self._return(pointer)
                return
            claim = await self._claim(pointer)
            if claim is None:
                STALE_POINTERS.inc()
                return
            with (
                SLOTS_BUSY.track_inprogress(),
                attempt_span(claim),
                self._running(claim),
                self.ends.herald.telling(claim),
            ):
                await self._attempt(claim, self._in_hand[pointer])

    async def _claim(self, pointer: Pointer) -> Claim | None:
        try:
            return await self._starts.add(pointer)
        except DatabaseUnavailableError:
            # Patience lasts as long as the session could: what may have been started under it
            # is recovered when the session expires.
            _log.warning("start_failed", job_id=format_id("job", pointer.job_id))
            return None

    async def _start(self, pointers: Sequence[Pointer]) -> Sequence[Claim | None]:
        session = self._session.id
        if session is None:
            raise DatabaseUnavailableError("this worker has no session")
        async with transaction(self._starting) as connection:
            claims = await start_attempts(connection, session, pointers)
        return [claims.get(pointer.job_id) for pointer in pointers]

    async def _return(self, pointer: Pointer) -> None:
        with suppress(DatabaseUnavailableError):
            async with transaction(self._engine) as connection:
                await wake_flows(connection, await return_releases(connection, [pointer]))

    async def _attempt(self, claim: Claim, hand: Hand) -> None:
        structlog.contextvars.bind_contextvars(
            job_id=format_id("job", claim.job_id),
            attempt=claim.attempt,
            tenant_id=claim.tenant_id,
            lane=claim.lane.value,
        )
        loop = asyncio.get_running_loop()
        begun = loop.time()
        if claim.attempt == 1:
            JOB_WAIT_SECONDS.labels(claim.lane.value, claim.kind.value).observe(
                (claim.started_at - claim.created_at).total_seconds()
            )
        run, error = await self._try_stages(claim, hand)
        if hand.abandoned:
            _log.warning("attempt_abandoned")
            return
        took = timedelta(seconds=loop.time() - begun)
        try:
            await self.ends.record(run, self._decide(error, claim, took), took)
        except Exception as refusal:  # noqa: BLE001 - whatever it is, the job must not hang
            # PostgreSQL does not take what the model gave. Without an end the job would count
            # as running for as long as this worker lives. No traceback: it quotes the result.
            _log.critical("end_refused", error_type=type(refusal).__name__)
            bare = JobRun(claim, flight=run.flight)
            await self.ends.record(bare, self._decide(refusal, claim, took), took)

    async def _try_stages(
        self, claim: Claim, hand: Hand
    ) -> tuple[JobRun, BaseException | None]:
        """Return what the stages made, or what ended them: an error, time, the caller."""
        trail = Trail(JobRun(claim))
        error: BaseException | None = None
        wall, late = self._wall_time(claim)
        clock = asyncio.timeout(wall.total_seconds())
        with hand.stoppable():
            try:
                if hand.unwanted or claim.cancel:
                    raise JobCancelledError  # noqa: TRY301 - as if a stage had been stopped
                async with clock:
                    await self._turnstile.enter()
                    await run_stages(trail, self._stages)
            except asyncio.CancelledError as stopped:
                error = stopped
            except TimeoutError as timeout:
                error = not_ended(claim.deadline) if late and clock.expired() else timeout
            except Exception as failure:  # noqa: BLE001 - outcome.decide says what it means
                error = failure
        if error is not None and hand.unwanted:
            error = JobCancelledError()
        return trail.run if error is None else trail.of_end(error), error

    def _wall_time(self, claim: Claim) -> tuple[timedelta, bool]:
        """Return how long the attempt may take, and whether the job's time is over then."""
        limit = self._settings.attempt_timeout(claim.kind)
        if claim.deadline is None:
            return limit, False
        left = claim.deadline - claim.started_at + _LOOPS_CLOCK
        return min(limit, left), left < limit

    def _decide(self, error: BaseException | None, claim: Claim, took: timedelta) -> Decision:
        jitter = random.random()  # noqa: S311 - not a secret
        return decide(error, claim, self._policy, jitter, took=took)


def _unwatched(_: Claim) -> AbstractContextManager[None]:
    return nullcontext()

"""Writes the ends of attempts, many in one statement, and tells who waits for them."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import orjson
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.doorbells import DELIVER, DONE, READY, ROOM, WAKE, Doorbells, Ring
from infra.endings import checks_of, ending_of
from infra.group_commit import GroupCommit
from infra.new_ids import new_key
from infra.postgres.chat_turns import owe_looks_after
from infra.postgres.engine import single_statements, transaction
from infra.postgres.finish import Ending, Finished, finish_jobs
from infra.postgres.flows import wake_flows
from infra.postgres.given_back import give_back
from infra.postgres.hold import Holding, hold_jobs
from infra.postgres.limits import correct
from infra.postgres.put_back import PutBack, put_back
from infra.postgres.usage import Lost, add_work
from infra.settings import Settings
from infra.telemetry.metrics import JOBS_FINISHED, SUPERSEDED_WRITES
from schemas.errors import (
    DatabaseUnavailableError,
    ErrorRecord,
    GenqError,
    JobCancelledError,
)
from schemas.ids import format_id
from schemas.job_states import AttemptOutcome, JobState, JobStatus
from schemas.model_accounts import accounts_of
from schemas.work import NO_WORK
from worker.accountant import Accountant
from worker.attempt_flights import AttemptFlights
from worker.attempt_holds import AttemptHolds
from worker.end_news import AttemptEnd, EndNews
from worker.herald import Herald
from worker.overspending import asked_nobody, overspent, unused
from worker.pipeline.job_run import JobRun
from worker.pipeline.outcome import (
    Decision,
    GiveUp,
    Hold,
    Interrupted,
    Refuse,
    Retry,
    Succeed,
)

_log: Final = structlog.get_logger()


class AttemptEnds:
    """The one place where a worker writes that an attempt is over.

    Attributes:
        herald: Tells of attempts before they end.
    """

    def __init__(self, engine: AsyncEngine, settings: Settings, doorbells: Doorbells) -> None:
        self._engine = engine
        self._statements = single_statements(engine)
        self._public_url = settings.public_url
        self._news = EndNews(settings)
        self._accountant = Accountant(settings)
        self._flights = AttemptFlights()
        self._held = AttemptHolds(settings, self._accountant)
        self._accounts = accounts_of(settings.model_servers)
        self._doorbells = doorbells
        self._rings: set[asyncio.Task[None]] = set()
        self.herald = Herald(engine, settings, doorbells)
        # As long as the session may live without PostgreSQL; later the fence would refuse it.
        patience = settings.session_ttl
        self._finishes = GroupCommit[Ending, bool](
            self._finish, name="finish", patience=patience
        )
        self._put_backs = GroupCommit[PutBack, bool](
            self._put_back, name="put_back", patience=patience
        )
        self._holds = GroupCommit[Holding, bool](self._hold, name="hold", patience=patience)

    async def record(self, run: JobRun, decision: Decision, took: timedelta) -> None:
        """Write what was decided; of a superseded attempt nothing is left but a count."""
        claim = run.claim
        error = _record_of(decision)
        await self.herald.settle(claim)
        self._flights.expect(run, decision)
        try:
            if isinstance(decision, Retry | Interrupted):
                put_back = self._put_back_of(run, decision, error, took)
                written = await self._put_backs.add(put_back)
            elif isinstance(decision, Hold):
                holding = self._held.holding_of(run, decision, took)
                written = await self._holds.add(holding)
            else:
                ending = self._ending(run, decision, took, error)
                written = await self._finishes.add(ending)
        except DatabaseUnavailableError:
            _log.exception("end_not_written")
            return
        finally:
            self._flights.written(run, decision)
        if not written:
            SUPERSEDED_WRITES.inc()
            _log.warning("attempt_superseded", fence=claim.fence)
            return
        self._news.tell(run, _end_of(decision, took, error))

    async def close(self) -> None:
        """Wait for what is being written."""
        await self.herald.close()
        await self._finishes.close()
        await self._put_backs.close()
        await self._holds.close()
        if self._rings:
            await asyncio.wait(self._rings)

    def _ending(
        self,
        run: JobRun,
        decision: Succeed | Refuse | GiveUp,
        took: timedelta,
        error: ErrorRecord | None,
    ) -> Ending:
        work = self._accountant.work_of(run)
        return ending_of(
            run.claim,
            state=_final_state(decision),
            outcome=_outcome_of(decision),
            # PostgreSQL's clock at the start, this machine's stopwatch since.
            finished_at=run.claim.started_at + took,
            public_url=self._public_url,
            artifacts=run.artifacts if error is None else (),
            result=self._accountant.result_of(run, work) if error is None else None,
            error=error,
            actual=self._accountant.actual_of(run),
            verdicts=run.verdicts,
            marks=run.marks if error is None else (),
            work=NO_WORK if error is None else work,
        )

    def _put_back_of(
        self,
        run: JobRun,
        decision: Retry | Interrupted,
        error: ErrorRecord | None,
        took: timedelta,
    ) -> PutBack:
        going = isinstance(decision, Interrupted)
        return PutBack(
            run.claim,
            _outcome_of(decision),
            run.claim.started_at + took,
            None if going else decision.delay,
            not going and decision.counts,
            None if going else orjson.dumps(error).decode(),
            checks_of(run.verdicts),
            self._accountant.work_of(run) if run.void else NO_WORK,
            isinstance(decision, Retry) and asked_nobody(decision.error),
        )

    async def _finish(self, endings: Sequence[Ending]) -> Sequence[bool]:
        besides = any(e.event.besides or e.work.model for e in endings)
        whole = besides or self._flights.lands(endings)
        async with transaction(self._engine if whole else self._statements) as connection:
            finished = await finish_jobs(connection, endings)
            ended = [e for e in endings if e.claim.job_id in finished.jobs]
            await correct(connection, overspent(ended, self._accounts))
            await self._flights.write(connection, endings, finished.jobs)
        self._ring([Ring(WAKE, READY if finished.unparked else ROOM), *_news_of(finished)])
        return [ending.claim.job_id in finished.jobs for ending in endings]

    async def _put_back(self, attempts: Sequence[PutBack]) -> Sequence[bool]:
        async with transaction(self._engine) as connection:
            done = await put_back(connection, attempts)
            now = done.flows.keys() - done.before
            idle = [a.claim for a in attempts if a.unasked and a.claim.job_id in now]
            awake = [flow for flow in done.flows.values() if flow]
            await give_back(connection, idle, besides=awake)
            await wake_flows(connection, awake)
            await add_work(connection, _lost(attempts, now))
            ended = await self._end_unwanted(connection, attempts, done.cancelled)
            await correct(connection, unused(idle, self._accounts))
            await self._flights.write(connection, attempts, done.flows.keys())
            looks = await owe_looks_after(connection, attempts, now)
        self._ring([Ring(WAKE, READY), *_news_of(ended, looks=looks)])
        _count_cancelled(attempts, done.cancelled)
        return [
            attempt.claim.job_id in done.flows or attempt.claim.job_id in ended.jobs
            for attempt in attempts
        ]

    async def _hold(self, holdings: Sequence[Holding]) -> Sequence[bool]:
        async with transaction(self._engine) as connection:
            held = await hold_jobs(connection, holdings)
            await add_work(connection, _lost(holdings, held.jobs - held.before))
            ended = await self._end_unwanted(connection, holdings, held.cancelled)
            await self._flights.write(connection, holdings, held.jobs)
            looks = await owe_looks_after(connection, holdings, held.jobs)
        news = _news_of(ended, looks=looks)
        self._ring([Ring(WAKE, READY if held.unparked else ROOM), *news])
        _count_cancelled(holdings, held.cancelled)
        return [one.claim.job_id in held.jobs | ended.jobs for one in holdings]

    async def _end_unwanted(
        self,
        connection: AsyncConnection,
        attempts: Sequence[PutBack | Holding],
        cancelled: Collection[UUID],
    ) -> Finished:
        """End jobs whose callers cancelled them without this worker's knowing."""
        unwanted = [self._cancellation(a) for a in attempts if a.claim.job_id in cancelled]
        if not unwanted:
            return Finished(set(), unparked=False)
        return await finish_jobs(connection, unwanted)

    def _cancellation(self, attempt: PutBack | Holding) -> Ending:
        return ending_of(
            attempt.claim,
            state=JobState.CANCELLED,
            outcome=attempt.outcome,
            finished_at=attempt.ended_at,
            public_url=self._public_url,
            error=JobCancelledError().record(format_id("err", new_key())),
            work=attempt.work,
        )

    def _ring(self, rings: Sequence[Ring]) -> None:
        # Beside the callers, not before them: no attempt waits for Valkey.
        task = asyncio.create_task(self._doorbells.ring_all(rings))
        self._rings.add(task)
        task.add_done_callback(self._rings.discard)


def _news_of(finished: Finished, *, looks: bool = False) -> list[Ring]:
    rings: list[Ring] = []
    if finished.jobs:
        ids = " ".join(format_id("job", job_id) for job_id in finished.jobs)
        rings.append(Ring(DONE, ids))
    if finished.owed or looks:
        rings.append(Ring(DELIVER, ""))
    return rings


def _count_cancelled(
    attempts: Sequence[PutBack | Holding], cancelled: Collection[UUID]
) -> None:
    for attempt in attempts:
        if attempt.claim.job_id in cancelled:
            lane, kind = attempt.claim.lane.value, attempt.claim.kind.value
            JOBS_FINISHED.labels(lane, kind, JobStatus.CANCELLED.value).inc()


def _lost(attempts: Sequence[PutBack | Holding], written: Collection[UUID]) -> list[Lost]:
    """Return the work of attempts that were written, of those in which a model answered."""
    return [
        Lost(one.claim, one.ended_at, one.work)
        for one in attempts
        if one.work.model and one.claim.job_id in written
    ]


def _final_state(decision: Succeed | Refuse | GiveUp) -> JobState:
    if isinstance(decision, Succeed):
        return JobState.SUCCEEDED
    return decision.state if isinstance(decision, Refuse) else JobState.DEAD


def _outcome_of(decision: Decision) -> AttemptOutcome:
    if isinstance(decision, Succeed):
        return AttemptOutcome.OK
    if isinstance(decision, Hold):
        return AttemptOutcome.HELD
    return AttemptOutcome.INTERRUPTED if isinstance(decision, Interrupted) else decision.outcome


def _record_of(decision: Decision) -> ErrorRecord | None:
    error: GenqError | None = getattr(decision, "error", None)
    return error.record(format_id("err", new_key())) if error else None


def _end_of(decision: Decision, took: timedelta, error: ErrorRecord | None) -> AttemptEnd:
    going_on = isinstance(decision, Retry | Interrupted | Hold)
    return AttemptEnd(
        outcome=_outcome_of(decision),
        took=took,
        state=None if going_on else _final_state(decision),
        delay=decision.delay if isinstance(decision, Retry) else None,
        error=error,
    )

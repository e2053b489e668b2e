"""Appeals: taken in once per job, decided by somebody else, done over once if overturned."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.audit_actor import record
from infra.clock import Clock
from infra.doorbells import DELIVER, READY, WAKE, Doorbells, Ring
from infra.event_bodies import job_bodies
from infra.job_events import labels_of, own_receiver
from infra.new_ids import new_key
from infra.postgres.appeals import (
    Appeal,
    Judged,
    add_appeal,
    appeal_of,
    appeal_of_item,
    bar_reviewers,
    close_appeal,
    judged_job,
    label_overturned,
)
from infra.postgres.chat_messages import message_of_job
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.publish import Publication, publish_events
from infra.postgres.read_jobs import get_job
from infra.postgres.retry_jobs import ended_jobs
from infra.postgres.review_decisions import reviewers_of
from infra.postgres.review_queue import ReviewItem
from infra.postgres.reviews import NewReview, open_reviews
from infra.postgres.submit import NewJob, insert_jobs
from infra.postgres.tenants import Tenant, get_tenant
from infra.safety.moderation import PolicySource
from infra.sealing import sealer_for
from infra.settings import Settings
from producer.budgets import admit_all
from producer.bulk_items import is_refusal
from producer.chat.reopened import Reopened
from producer.retry import request_of
from producer.submit import Submitter
from schemas.admission_errors import BudgetExhaustedError
from schemas.errors import GenqError
from schemas.events import AFTER_THE_END, EventType, OutboxKind
from schemas.ids import format_id
from schemas.job import JobRecord, iso_ms
from schemas.job_states import JobState, status_of
from schemas.review import APPEAL_WITHIN, FALSE_POSITIVE, AppealState, Origin
from schemas.review_errors import NotAppealableError
from schemas.safety import OTHER, Action, Stage
from schemas.tenant_plan import SafetyLevel

_TYPE: Final = EventType.JOB_APPEAL_DECIDED


@dataclass(frozen=True, slots=True)
class Requeue:
    """The job that would do over what was blocked.

    Attributes:
        new: ``None``: it cannot be done over any more; ``why`` says so.
        shown: The message that will show it, if a chat asked for what was blocked.
    """

    new: NewJob | None
    why: str | None = None
    shown: Reopened | None = None


class Appeals:
    """Takes appeals in, and does over what should not have been blocked.

    Args:
        engine: Connections; whatever its isolation, these transactions are whole.
        settings: Where callers reach the API, and the keys of what they write.
        doorbells: Rung after each commit.
        clock: What new jobs are dated by.
        policies: Which categories two people decide.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        settings: Settings,
        doorbells: Doorbells,
        clock: Clock,
        policies: PolicySource,
    ) -> None:
        self._engine = whole_transactions(engine)
        self._settings = settings
        self._public_url = settings.public_url.rstrip("/")
        self._sealer = sealer_for(settings)
        self._doorbells = doorbells
        self._policies = policies
        # Without checks: people's word stands over that of the detectors.
        self._submitter = Submitter(engine, settings, doorbells, clock)

    async def add(self, tenant: Tenant, job: JobRecord, text: str) -> tuple[Appeal, bool]:
        """Take an appeal in; the second of a job is the first one again.

        Returns:
            The appeal, and whether it is new.

        Raises:
            NotAppealableError: The job was not blocked, or too long ago.
        """
        policy = await self._policies.of(tenant.id, SafetyLevel(tenant.safety_level))
        double = frozenset(policy.review.second_reviewer)
        async with transaction(self._engine) as connection:
            known = await appeal_of(connection, tenant.id, job.id)
            if known is not None:
                return known, False
            judged = _require_appealable(job, await judged_job(connection, tenant.id, job.id))
            key, item = new_key(), _item(job, judged, double)
            added = await add_appeal(
                connection,
                key=key,
                tenant_id=tenant.id,
                job_id=job.id,
                item_id=item.id,
                body=self._sealer.seal(text.encode(), place=_place(tenant.id, job.id)),
            )
            if added:
                await open_reviews(connection, [item])
                barred = orjson.dumps(
                    await reviewers_of(connection, tenant.id, job.id)
                ).decode()
                await bar_reviewers(connection, tenant.id, item.id, barred)
                of = f"appeal {format_id('apl', key)}"
                told = {"job": format_id("job", job.id), "category": item.category}
                await record(connection, tenant.id, "appeal.made", of, told)
            made = await appeal_of(connection, tenant.id, job.id)
        if made is None:
            raise NotAppealableError("the job is gone")
        return made, added

    def words_of(self, appeal: Appeal) -> str | None:
        """Return what the submitter wrote; ``None``: it was erased.

        Raises:
            SealedValueError: Its key is not known any more.
        """
        if appeal.body is None:
            return None
        place = _place(appeal.tenant_id, appeal.job_id)
        return self._sealer.open(appeal.body, place=place).decode()

    async def prepare(self, item: ReviewItem) -> Requeue:
        """Return the job that does over what an appeal's job was to do; nothing is written."""
        async with transaction(self._engine) as connection:
            tenant = await get_tenant(connection, item.tenant_id)
            ended = await ended_jobs(connection, item.tenant_id, [item.job_id])
            kept = await message_of_job(connection, item.tenant_id, item.job_id)
        if not ended or ended[0].erased:
            return Requeue(None, "its content was erased")
        shown = None if kept is None else Reopened(kept)
        hears: Mapping[str, Any] = {} if shown is None else shown.webhook
        try:
            new = await self._submitter.draft(tenant, request_of(ended[0]), message=hears)
        except GenqError as error:
            if not is_refusal(error):
                raise
            return Requeue(None, error.code)
        payload = {
            **orjson.loads(new.payload),
            "reviewed": item.stopped_for,
            "reviewed_of": item.verdict.get("input_digest"),
        }
        text = orjson.dumps(payload).decode()
        new = replace(new, redrive_of=item.job_id, payload=text, stop=None)
        return Requeue(new, shown=shown)

    async def settle(
        self,
        connection: AsyncConnection,
        item: ReviewItem,
        outcome: Action,
        again: Requeue | None,
    ) -> Mapping[str, Any]:
        """Decide an appeal, and do its job over if it was overturned; tell what was done.

        The caller has locked the item, and closes it: that it is open says that nobody has
        done the job over.
        """
        appeal = await appeal_of_item(connection, item.job_id, item.id)
        if appeal is None:
            return {}
        if outcome is Action.BLOCK:
            await close_appeal(connection, appeal, AppealState.UPHELD, None)
            await self._announce(connection, appeal, AppealState.UPHELD, None)
            return {"appeal": AppealState.UPHELD.word}
        new = await self._insert(connection, again.new) if again and again.new else None
        if new is not None and again is not None and again.shown is not None:
            await again.shown.write(connection, self._sealer, new.id)
        requeued = new.id if new else None
        await close_appeal(connection, appeal, AppealState.OVERTURNED, requeued)
        label = {"label": FALSE_POSITIVE, "overturned": True, "decided_by_people": True}
        await label_overturned(
            connection, appeal, by=requeued, label=orjson.dumps(label).decode()
        )
        await self._announce(connection, appeal, AppealState.OVERTURNED, requeued)
        told = {"appeal": AppealState.OVERTURNED.word, "label": FALSE_POSITIVE}
        if requeued is not None:
            return {**told, "requeued_as": format_id("job", requeued)}
        return {**told, "not_requeued": again.why if again else None}

    async def tell(self) -> None:
        """Ring for a job that is done over, and for who hears of the decision."""
        await self._doorbells.ring_all([Ring(WAKE, READY), Ring(DELIVER, "")])

    async def _insert(self, connection: AsyncConnection, new: NewJob) -> NewJob:
        try:
            admitted = await admit_all(connection, [new])
        except BudgetExhaustedError:
            # It is not their fault that it comes late: it costs no budget then.
            admitted = await admit_all(connection, [replace(new, money=None)])
        ttl = self._settings.idempotency_ttl
        await insert_jobs(connection, admitted.jobs, idempotency_ttl=ttl)
        await admitted.reserve_for(connection, admitted.jobs)
        return admitted.jobs[0]

    async def _announce(
        self,
        connection: AsyncConnection,
        appeal: Appeal,
        state: AppealState,
        requeued_as: UUID | None,
    ) -> None:
        job = await get_job(connection, appeal.tenant_id, appeal.job_id)
        judged = await judged_job(connection, appeal.tenant_id, appeal.job_id)
        if job is None or judged is None:
            return
        key = new_key()
        told = {
            "id": format_id("apl", appeal.id),
            "state": state.word,
            "requeued_as": format_id("job", requeued_as) if requeued_as else None,
        }
        bodies = job_bodies(
            key,
            _TYPE,
            job,
            at=judged.now,
            number=AFTER_THE_END,
            public_url=self._public_url,
            more={"appeal": told},
        )
        event = Publication(
            id=key,
            tenant_id=job.tenant_id,
            kind=OutboxKind.LIFECYCLE,
            type=_TYPE,
            body=bodies.full,
            job_id=job.id,
            seq=AFTER_THE_END,
            channels=judged.channels,
            labels=labels_of(job),
            **own_receiver(judged.webhook, _TYPE),
        )
        await publish_events(connection, [event])


def _require_appealable(job: JobRecord, judged: Judged | None) -> Judged:
    if judged is None or judged.final_state != JobState.BLOCKED or judged.finished_at is None:
        status = status_of(job.state).value
        raise NotAppealableError(
            f"the job is {status}: only a job that was blocked is appealed"
        )
    until = judged.finished_at + APPEAL_WITHIN
    if judged.now > until:
        raise NotAppealableError(f"the time to appeal was over at {iso_ms(until)}")
    return judged


def _item(job: JobRecord, judged: Judged, double: frozenset[str]) -> NewReview:
    verdict = judged.verdict or {}
    named: list[str] = list(verdict.get("violations") or [OTHER])
    return NewReview(
        id=new_key(),
        tenant_id=job.tenant_id,
        job_id=job.id,
        stage=Stage(verdict.get("stage", Stage.PROMPT)),
        category=named[0],
        verdict=orjson.dumps(verdict).decode(),
        origin=Origin.APPEAL,
        holds=False,
        needs=2 if double.intersection(named) else 1,
    )


def _place(tenant_id: int, job_id: UUID) -> str:
    return f"appeal|{tenant_id}|{job_id}|body"

"""Where people decide: items claimed, let go, decided; with all that follows, at once."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.audit_actor import record
from infra.doorbells import Doorbells
from infra.objectstore.store import ObjectStore
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.review_decisions import add_decision, close_review, pass_on
from infra.postgres.review_queue import (
    Reviewer,
    ReviewFilter,
    ReviewItem,
    claim_next,
    claim_review,
    get_review,
    release_review,
)
from infra.review_ends import BY_PERSON
from infra.settings import Settings
from infra.telemetry.review_metrics import count_review
from producer.reviews.appeals import Appeals, Requeue
from producer.reviews.effects import Effect, Effects
from producer.reviews.notes import ReviewNotes
from schemas.errors import NotFoundError, ObjectMissingError
from schemas.ids import format_id
from schemas.job import iso_ms
from schemas.review import (
    LEASE,
    REASONS,
    Decision,
    Origin,
    ReviewDecision,
    ReviewState,
    Step,
    next_step,
    outcome_of,
)
from schemas.review_errors import ReviewBarredError, ReviewOverError, ReviewTakenError
from schemas.safety import FLOORS, Stage

_BARRED: Final = (
    "you decided about this job before, so somebody else has to decide now; "
    "genq review next shows what is yours to decide"
)
_FOR_OPERATORS: Final = (
    "what is never made is not its tenant's to let pass: "
    "a key with the scope admin has to decide"
)
_GONE: Final = (
    "what was made does not lie there any more: the job was cancelled or has expired a moment "
    "ago, or the store lost it; look at the item again, and reject it if it still waits"
)
_FOR_LEADS: Final = "it was handed on: a key with the scope review:lead has to settle it"


class ReviewDesk:
    """The queue of reviewers.

    Args:
        engine: Connections; whatever its isolation, these transactions are whole.
        settings: The keys of what waits, and of what reviewers write.
        store: Has the pictures that wait.
        doorbells: Rung after each commit.
        appeals: Does over what should not have been blocked.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        settings: Settings,
        store: ObjectStore,
        doorbells: Doorbells,
        appeals: Appeals,
    ) -> None:
        self._engine = whole_transactions(engine)
        self._effects = Effects(settings, store)
        self._notes = ReviewNotes(settings)
        self._doorbells = doorbells
        self._appeals = appeals

    async def get(self, reviewer: Reviewer, item_id: UUID) -> ReviewItem:
        """Return an item.

        Raises:
            NotFoundError: There is none that this reviewer may see.
        """
        async with transaction(self._engine) as connection:
            return await self._find(connection, reviewer, item_id)

    async def claim(self, reviewer: Reviewer, item_id: UUID) -> ReviewItem:
        """Make an item the reviewer's alone for ten minutes, or for ten more.

        Raises:
            NotFoundError: There is none that this reviewer may see.
            ReviewTakenError: Another reviewer has it.
            ReviewBarredError: Somebody else has to decide it.
            ReviewOverError: It is decided.
        """
        async with transaction(self._engine) as connection:
            claimed = await claim_review(connection, reviewer, item_id, LEASE)
            item = await self._find(connection, reviewer, item_id)
            if not claimed:
                _require_free(item, reviewer)
                raise ReviewTakenError(f"{_name(item)} went to another reviewer a moment ago")
            return item

    async def claim_next(self, reviewer: Reviewer, wanted: ReviewFilter) -> ReviewItem | None:
        """Claim what one holds already, or else what is most urgent; ``None``: nothing is."""
        async with transaction(self._engine) as connection:
            item_id = await claim_next(connection, reviewer, wanted, LEASE)
            if item_id is None:
                return None
            return await self._find(connection, reviewer, item_id)

    async def release(self, reviewer: Reviewer, item_id: UUID) -> ReviewItem:
        """Let an item go that the reviewer claimed; twice is once.

        Raises:
            NotFoundError: There is none that this reviewer may see.
            ReviewTakenError: Another reviewer has it.
            ReviewOverError: It is decided.
        """
        async with transaction(self._engine) as connection:
            released = await release_review(connection, reviewer, item_id)
            item = await self._find(connection, reviewer, item_id)
            if not released:
                _require_open(item)
                if item.claimed:
                    raise _taken(item)
            return item

    async def decide(
        self, reviewer: Reviewer, item_id: UUID, said: ReviewDecision
    ) -> ReviewItem:
        """Decide an item that the reviewer has claimed.

        Raises:
            NotFoundError: There is none that this reviewer may see.
            ReviewTakenError: It is not the reviewer's.
            ReviewBarredError: Somebody else has to decide it.
            ReviewOverError: It is decided, or its job waits no more.
            ObjectStoreError: What is let pass could not be published; nothing was decided.
        """
        seen = await self.get(reviewer, item_id)
        _require_yours(seen, reviewer)
        again: Requeue | None = None
        if said.decision is Decision.APPROVE:
            if seen.holds and seen.stage is Stage.OUTPUT:
                await self._publish(seen)
            if seen.origin is Origin.APPEAL:
                again = await self._appeals.prepare(seen)
        async with transaction(self._engine) as connection:
            item = await self._find(connection, reviewer, item_id, lock=True)
            _require_yours(item, reviewer)
            effect = await self._write(connection, item, reviewer, said, again)
            item = await self._find(connection, reviewer, item_id)
        count_review(item.origin, said.decision.value)
        if effect is not None:
            effect.count()
            await self._doorbells.ring_all(effect.rings)
        if item.origin is Origin.APPEAL and item.state is ReviewState.DECIDED:
            await self._appeals.tell()
        return item

    async def _publish(self, seen: ReviewItem) -> None:
        try:
            await self._effects.publish(seen)
        except ObjectMissingError:
            raise ReviewOverError(_GONE) from None

    async def _write(
        self,
        connection: AsyncConnection,
        item: ReviewItem,
        reviewer: Reviewer,
        said: ReviewDecision,
        again: Requeue | None,
    ) -> Effect | None:
        before = {one.reviewer: one.decision for one in item.said}
        step = next_step(said.decision, before, needs=item.needs, escalated=item.escalated)
        if not await add_decision(
            connection,
            item,
            reviewer=reviewer.name,
            decision=said.decision,
            reason=said.reason,
            note=self._notes.sealed(item.id, reviewer.name, said.note),
        ):
            raise ReviewBarredError(_BARRED)
        effect: Effect | None = None
        more: Mapping[str, Any] = {}
        if step in {Step.WAIT, Step.ESCALATE}:
            await pass_on(connection, item, escalated=step is Step.ESCALATE)
        else:
            outcome = outcome_of(step)
            if item.holds:
                text = f"{BY_PERSON}: {REASONS[said.decision][said.reason]}"
                effect = await self._effects.settle(connection, item, outcome, text=text)
            elif item.origin is Origin.APPEAL:
                more = await self._appeals.settle(connection, item, outcome, again)
            await close_review(connection, item, outcome)
        await self._record(connection, item, said, step, more)
        return effect

    async def _record(
        self,
        connection: AsyncConnection,
        item: ReviewItem,
        said: ReviewDecision,
        step: Step,
        more: Mapping[str, Any],
    ) -> None:
        told = {
            "job": format_id("job", item.job_id),
            "origin": item.origin.value,
            "category": item.category,
            "decision": said.decision.value,
            "reason": said.reason,
            "led_to": step.value,
            **more,
        }
        await record(connection, item.tenant_id, "review.decided", _name(item), told)

    async def _find(
        self,
        connection: AsyncConnection,
        reviewer: Reviewer,
        item_id: UUID,
        *,
        lock: bool = False,
    ) -> ReviewItem:
        item = await get_review(connection, reviewer.tenant_id, item_id, lock=lock)
        if item is None:
            raise NotFoundError(f"there is no review {format_id('rev', item_id)}")
        return item


def _name(item: ReviewItem) -> str:
    return f"review {format_id('rev', item.id)}"


def _require_open(item: ReviewItem) -> None:
    if item.state is ReviewState.OPEN:
        return
    if item.state is ReviewState.WITHDRAWN:
        raise ReviewOverError(f"{_name(item)} was withdrawn: its job was cancelled, or expired")
    how = "decided" if item.state is ReviewState.DECIDED else "closed when its time was over"
    outcome = item.outcome.word if item.outcome is not None else "?"
    raise ReviewOverError(f"{_name(item)} was {how}: {outcome}")


def _require_free(item: ReviewItem, reviewer: Reviewer) -> None:
    _require_open(item)
    if reviewer.name in item.barred or any(o.reviewer == reviewer.name for o in item.said):
        raise ReviewBarredError(f"{_name(item)}: {_BARRED}")
    if reviewer.tenant_id is not None and _is_floor(item):
        raise ReviewBarredError(f"{_name(item)}: {_FOR_OPERATORS}")
    if item.escalated and not reviewer.lead:
        raise ReviewBarredError(f"{_name(item)}: {_FOR_LEADS}")
    if item.claimed and item.claimed_by != reviewer.name:
        raise _taken(item)


def _is_floor(item: ReviewItem) -> bool:
    """Tell whether letting an item pass would let a floor pass."""
    if not item.holds and item.origin is not Origin.APPEAL:
        return False
    return any(category in FLOORS for category in item.stopped_for)


def _require_yours(item: ReviewItem, reviewer: Reviewer) -> None:
    _require_free(item, reviewer)
    # A lease that ran out, and that nobody else took up, is good enough.
    if item.claimed_by != reviewer.name:
        raise ReviewTakenError(f"{_name(item)} is not claimed: claim it, look at it, decide")


def _taken(item: ReviewItem) -> ReviewTakenError:
    until = iso_ms(item.claimed_until) if item.claimed_until else ""
    return ReviewTakenError(f"{_name(item)} is in the hands of another reviewer until {until}")

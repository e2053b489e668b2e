"""What time does to reviews: items nobody decided, jobs that are gone, outputs left lying."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.audit_actor import record
from infra.doorbells import Doorbells
from infra.objectstore.opening import open_store
from infra.objectstore.store import ObjectStore
from infra.pending import open_pending
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.review_decisions import (
    LARGEST_BATCH,
    Leftover,
    close_review,
    forget_pending,
    leftovers,
    overdue_reviews,
    withdraw_reviews,
)
from infra.postgres.review_queue import get_review
from infra.review_ends import BY_TIME
from infra.sealing import sealer_for
from infra.settings import Settings
from infra.telemetry.review_metrics import count_review
from producer.reviews.effects import Effect, Effects
from schemas.errors import DatabaseUnavailableError, ObjectMissingError, ObjectStoreError
from schemas.ids import format_id
from schemas.review import ReviewState
from schemas.review_errors import ReviewOverError
from schemas.safety import Action
from schemas.webhook_errors import SealedValueError

_EVERY_SECONDS: Final = 1.0
_CLEAR_EVERY_SECONDS: Final = 10.0
_MORE_SECONDS: Final = 0.2
_FIRST: Final = UUID(int=0)

_log: Final = structlog.get_logger()


class ReviewJanitor:
    """Applies what the policy says of items that nobody decided. Any number may.

    Args:
        engine: Connections; whatever its isolation, these transactions are whole.
        settings: The keys of what waits.
        store: Has the pictures that wait.
        doorbells: Rung after each commit.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        settings: Settings,
        store: ObjectStore,
        doorbells: Doorbells,
    ) -> None:
        self._engine = whole_transactions(engine)
        self._effects = Effects(settings, store)
        self._sealer = sealer_for(settings)
        self._doorbells = doorbells

    async def sweep(self) -> bool:
        """Close what is withdrawn or overdue; return whether there is more to do at once.

        Raises:
            DatabaseUnavailableError: PostgreSQL cannot be reached.
        """
        async with transaction(self._engine) as connection:
            withdrawn = await withdraw_reviews(connection)
        async with transaction(self._engine) as connection:
            overdue = await overdue_reviews(connection)
        for item_id in overdue:
            await self._apart("review_not_closed", item_id, self._time_out)
        return LARGEST_BATCH in {withdrawn, len(overdue)}

    async def clear(self) -> bool:
        """Delete objects of outputs that wait no more; return ``False``: no hurry.

        Raises:
            DatabaseUnavailableError: PostgreSQL cannot be reached.
        """
        after = _FIRST
        while True:
            async with transaction(self._engine) as connection:
                found = await leftovers(connection, after=after)
            for one in found:
                await self._apart("review_not_cleared", one.id, self._clearing(one))
            if len(found) < LARGEST_BATCH:
                return False
            after = found[-1].id

    async def _apart(
        self, event: str, item_id: UUID, work: Callable[[UUID], Awaitable[None]]
    ) -> None:
        """Do one, so that one that cannot be done holds up no other."""
        try:
            await work(item_id)
        except DatabaseUnavailableError:
            raise
        except (ObjectStoreError, SealedValueError) as error:
            _log.warning(event, item=format_id("rev", item_id), reason=error.message)
        except Exception:  # noqa: BLE001 - the next round tries it again
            _log.exception(event, item=format_id("rev", item_id))

    async def _time_out(self, item_id: UUID) -> None:
        async with transaction(self._engine) as connection:
            seen = await get_review(connection, None, item_id)
        if seen is None or seen.state is not ReviewState.OPEN:
            return
        outcome = Action.ALLOW if seen.on_timeout is Action.ALLOW else Action.BLOCK
        if outcome is Action.ALLOW and seen.holds:
            try:
                await self._effects.publish(seen)
            except ObjectMissingError:
                # What is gone cannot be handed out.
                outcome = Action.BLOCK
        effect = await self._write(item_id, outcome)
        if effect is not None:
            effect.count()
            await self._doorbells.ring_all(effect.rings)

    async def _write(self, item_id: UUID, outcome: Action) -> Effect | None:
        effect: Effect | None = None
        async with transaction(self._engine) as connection:
            item = await get_review(connection, None, item_id, lock=True)
            late = item is not None and item.due_at is not None
            if item is None or not late or item.state is not ReviewState.OPEN:
                return None
            if item.holds:
                try:
                    effect = await self._effects.settle(
                        connection, item, outcome, text=BY_TIME, by_people=False
                    )
                except ReviewOverError:
                    # It is withdrawn in the next round.
                    return None
            await close_review(connection, item, outcome, ReviewState.TIMED_OUT)
            told = {
                "job": format_id("job", item.job_id),
                "category": item.category,
                "outcome": outcome.word,
            }
            of = f"review {format_id('rev', item.id)}"
            await record(connection, item.tenant_id, "review.timed_out", of, told)
        count_review(item.origin, f"timed_out_{outcome.word}")
        return effect

    def _clearing(self, one: Leftover) -> Callable[[UUID], Awaitable[None]]:
        async def clear(item_id: UUID) -> None:
            pending = open_pending(self._sealer, one.tenant_id, one.job_id, one.pending)
            await self._effects.clear(pending, kept=one.kept)
            async with transaction(self._engine) as connection:
                await forget_pending(connection, item_id)

        return clear


@asynccontextmanager
async def keeping_reviews(
    engine: AsyncEngine, settings: Settings, doorbells: Doorbells
) -> AsyncGenerator[None]:
    """Keep the queue of reviewers inside the block."""
    store = open_store(settings)
    janitor = ReviewJanitor(engine, settings, store, doorbells)
    tasks = [
        asyncio.create_task(_every(_EVERY_SECONDS, janitor.sweep)),
        asyncio.create_task(_every(_CLEAR_EVERY_SECONDS, janitor.clear)),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await store.close()


async def _every(seconds: float, duty: Callable[[], Awaitable[bool]]) -> None:
    while True:
        more = False
        try:
            more = await duty()
        except DatabaseUnavailableError as error:
            _log.warning("duty_failed", code=error.code, reason=error.message)
        except Exception:  # noqa: BLE001 - nothing here may end the dispatcher
            _log.exception("duty_failed")
        await asyncio.sleep(_MORE_SECONDS if more else seconds)

"""What follows of a decision for the job that waits for it, in the same transaction.

Pictures are copied to their public places before, and what lies apart is deleted after: a crash
in between leaves copies that nothing refers to, which ``producer.reviews.janitor`` clears away.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.doorbells import DELIVER, DONE, READY, WAKE, Ring
from infra.objectstore.store import ObjectStore
from infra.pending import PendingOutput, open_pending
from infra.postgres.approve import approve_output
from infra.postgres.chat_turns import owe_looks
from infra.postgres.held_jobs import admit_held, lock_held
from infra.postgres.provenance import add_records
from infra.postgres.review_queue import ReviewItem
from infra.postgres.withdraw import WaitingJob, withdraw_jobs
from infra.review_ends import approval_of, decided_verdict, public_artifacts, rejection_of
from infra.sealing import sealer_for
from infra.settings import Settings
from infra.telemetry.metrics import JOBS_FINISHED
from schemas.errors import ObjectStoreError
from schemas.ids import format_id
from schemas.job_states import JobState, status_of
from schemas.review_errors import ReviewOverError
from schemas.safety import Action, Stage

_MOVED_ON: Final = "its job does not wait for it any more: it was cancelled, or has expired"


@dataclass(frozen=True, slots=True)
class Effect:
    """What was done, to be told once it is committed.

    Attributes:
        ended: How the job ended, if it did.
    """

    rings: Sequence[Ring]
    waiting: WaitingJob
    ended: JobState | None = None

    def count(self) -> None:
        """Count the end."""
        if self.ended is not None:
            job, outcome = self.waiting.job, status_of(self.ended).value
            JOBS_FINISHED.labels(job.lane.value, job.kind.value, outcome).inc()


class Effects:
    """Ends held jobs, or lets them go on.

    Args:
        settings: Where callers reach the API, and the keys of what waits.
        store: Has the pictures that wait.
    """

    def __init__(self, settings: Settings, store: ObjectStore) -> None:
        self._public_url = settings.public_url.rstrip("/")
        self._sealer = sealer_for(settings)
        self._store = store

    def pending_of(self, item: ReviewItem) -> PendingOutput | None:
        """Return the output that waits for an item's decision, if one does.

        Raises:
            SealedValueError: Its key is not known any more.
        """
        if item.pending is None:
            return None
        return open_pending(self._sealer, item.tenant_id, item.job_id, item.pending)

    async def publish(self, item: ReviewItem) -> None:
        """Copy the pictures that wait to where callers are served from; twice is once.

        Raises:
            ObjectStoreError: The store failed, or has not what was put there.
        """
        pending = self.pending_of(item)
        if pending is None:
            return
        shown = public_artifacts(pending)
        for apart, public in zip(pending.artifacts, shown, strict=True):
            data = await (await self._store.get(apart.key)).read()
            if hashlib.sha256(data).hexdigest() != apart.sha256:
                raise ObjectStoreError(
                    f"{apart.key} is not what was put there; it is not handed out"
                )
            await self._store.put(public.key, data, public.content_type)

    async def settle(
        self,
        connection: AsyncConnection,
        item: ReviewItem,
        outcome: Action,
        *,
        text: str,
        by_people: bool = True,
    ) -> Effect:
        """Move the job that waits for an item; the caller closes the item.

        Args:
            connection: A transaction that has locked the item. Of an output that is let pass,
                ``publish`` came before.
            item: Something that a job waits for.
            outcome: ``ALLOW`` or ``BLOCK``.
            text: Why, for the person who asked.
            by_people: Not by the time that is over.

        Raises:
            ReviewOverError: The job does not wait any more.
        """
        waiting = await lock_held(connection, item.tenant_id, item.job_id)
        if waiting is None:
            raise ReviewOverError(_MOVED_ON)
        verdict = decided_verdict(item.verdict, outcome, text=text, by_people=by_people)
        shown = format_id("job", item.job_id)
        if outcome is Action.BLOCK:
            end = rejection_of(
                waiting, item.stage, verdict, text=text, public_url=self._public_url
            )
            done = await withdraw_jobs(connection, [end])
            return Effect(_rings(shown, owed=done.owed), waiting, JobState.BLOCKED)
        pending = self.pending_of(item)
        if item.stage is Stage.OUTPUT and pending is not None:
            success = approval_of(waiting, pending, verdict, public_url=self._public_url)
            done = await approve_output(connection, success)
            await _remember(connection, item, pending)
            return Effect(_rings(shown, owed=done.owed), waiting, JobState.SUCCEEDED)
        told = orjson.dumps(verdict).decode()
        passed = orjson.dumps(item.stopped_for).decode()
        await admit_held(
            connection, waiting, since=item.created_at, verdict=told, reviewed=passed
        )
        rings = [Ring(WAKE, READY)]
        if await owe_looks(connection, [item.job_id]):
            rings.append(Ring(DELIVER, ""))
        return Effect(rings, waiting)

    async def clear(self, pending: PendingOutput, *, kept: bool) -> None:
        """Delete what lies apart; ``kept``: its public copies are a job's result."""
        for apart, public in zip(pending.artifacts, public_artifacts(pending), strict=True):
            if not kept:
                await self._store.delete(public.key)
            await self._store.delete(apart.key)


async def _remember(
    connection: AsyncConnection, item: ReviewItem, pending: PendingOutput
) -> None:
    """Let the registry know what is handed out after all."""
    await add_records(
        connection,
        pending.marks,
        tenant_id=item.tenant_id,
        job_id=item.job_id,
        fence=pending.fence,
        at=pending.made_at,
    )


def _rings(shown: str, *, owed: bool) -> list[Ring]:
    rings = [Ring(DONE, shown)]
    return [*rings, Ring(DELIVER, "")] if owed else rings

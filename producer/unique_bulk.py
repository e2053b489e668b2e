"""Unique keys of the jobs of one bulk call: claimed together, before any of them is written."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.claim_keys import KeyWish, claim_keys
from infra.postgres.tenants import Tenant
from infra.postgres.unique_jobs import KeyHolder, take_key
from infra.settings import Settings
from producer.budgets import BudgetedJob
from producer.bulk_items import BulkDraft, BulkItem, is_refusal, outcome_of
from producer.unique_submit import Placed, make_room, place
from schemas import lanes
from schemas.errors import FieldError, GenqError
from schemas.queue_errors import DuplicateJobError
from schemas.unique import OnConflict, UniqueKey, scoped_key


class BulkKeys:
    """The keys of one call, inside its transaction.

    Args:
        connection: The transaction.
        tenant: Whose call it is.
        settings: Where callers reach the API, and for how long idempotency keys live.
        together: No budget refuses a job without all others, so that those which take the
            place of others are written with the rest. One by one they would keep the tenant's
            flow locked for as long as that takes, and whoever wants to wake it waiting.

    Attributes:
        placed: How jobs were written that took the place of others; to be announced.
        written: These jobs.
    """

    def __init__(
        self,
        connection: AsyncConnection,
        tenant: Tenant,
        settings: Settings,
        *,
        together: bool,
    ) -> None:
        self._connection = connection
        self._tenant = tenant
        self._settings = settings
        self._together = together
        self._twins: list[tuple[BulkDraft, BulkDraft]] = []
        self.placed: list[Placed] = []
        self.written: list[BudgetedJob] = []

    async def claim(
        self, drafts: Sequence[BulkDraft], items: dict[int, BulkItem]
    ) -> list[BulkDraft]:
        """Return the drafts whose keys are theirs; what became of others goes into ``items``.

        The tenant's books are locked, if it has budgets.
        """
        wanted: dict[str, tuple[BulkDraft, UniqueKey]] = {}
        free: list[BulkDraft] = []
        for draft in drafts:
            unique = draft.request.unique
            if unique is None:
                free.append(draft)
                continue
            key = _key_of(draft, unique)
            first = wanted.setdefault(key, (draft, unique))[0]
            if first is not draft:
                self._meet(draft, first, unique, items)
        wishes = [
            KeyWish(key, draft.new.id, _period(unique))
            for key, (draft, unique) in wanted.items()
        ]
        holders = await claim_keys(self._connection, self._tenant.id, wishes)
        for key, (draft, unique) in wanted.items():
            holder = holders[key]
            ours = holder.job_id == draft.new.id
            if ours or await self._take(key, draft, unique, holder, items):
                free.append(draft)
        return sorted(free, key=lambda draft: draft.index)

    def give_to_twins(self, items: dict[int, BulkItem]) -> None:
        """Answer jobs that wanted the key of an earlier job of this call as that one was."""
        for draft, first in self._twins:
            given = items[first.index]
            items[draft.index] = BulkItem(
                draft.index, job=given.job, error=given.error, found=given.job is not None
            )

    def _meet(
        self, draft: BulkDraft, first: BulkDraft, unique: UniqueKey, items: dict[int, BulkItem]
    ) -> None:
        if unique.on_conflict is OnConflict.RETURN:
            self._twins.append((draft, first))
            return
        place = f"/jobs/{first.index} of this call"
        error = DuplicateJobError(
            f"{place} holds the unique key {unique.key!r}",
            fields=[FieldError("/unique/key", f"is held by {place}")],
        )
        items[draft.index] = BulkItem(draft.index, error=error)

    async def _take(
        self,
        key: str,
        draft: BulkDraft,
        unique: UniqueKey,
        holder: KeyHolder,
        items: dict[int, BulkItem],
    ) -> bool:
        if not holder.held:
            period = _period(unique)
            await take_key(self._connection, self._tenant.id, key, draft.new.id, period)
            return True
        try:
            if self._together:
                placed = await make_room(
                    self._connection, holder, draft.new, unique, self._settings
                )
            else:
                placed = await place(self._connection, draft.new, draft.request, self._settings)
        except GenqError as error:
            if not is_refusal(error):
                raise
            items[draft.index] = BulkItem(draft.index, error=error)
            return False
        if placed.holder is not None:
            items[draft.index] = BulkItem(draft.index, job=placed.holder, found=True)
            return False
        self.placed.append(placed)
        if self._together:
            period = _period(unique)
            await take_key(self._connection, self._tenant.id, key, draft.new.id, period)
            return True
        written = placed.written or BudgetedJob(draft.new, placed.created_at)
        self.written.append(written)
        items[draft.index] = outcome_of(draft, written)
        return False


def _key_of(draft: BulkDraft, unique: UniqueKey) -> str:
    new = draft.new
    lane = lanes.BY_NUMBER[new.lane]
    return scoped_key(unique, lane=lane, kind=draft.request.kind, model=new.model)


def _period(unique: UniqueKey) -> timedelta | None:
    return timedelta(seconds=unique.period) if unique.period else None

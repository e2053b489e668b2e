"""What an erasure takes away, some hundred jobs at a time; who dies goes on where it was.

Jobs first, then the files of batches that tell of them: ``producer.privacy.file_walk``.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.audit_actor import record
from infra.objectstore.store import ObjectStore
from infra.postgres.chat_erasure import (
    bound_people,
    forget_codes_of,
    people_with_codes,
    unbind_people,
)
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.erase_content import erase_content
from infra.postgres.erased_lines import batches_of_jobs, erase_lines_of_jobs
from infra.postgres.erasures import (
    GRACE,
    NamedJob,
    ended_of,
    forget_traces,
    hold_step,
    jobs_with_names,
    move_on,
    waiting_erasures,
)
from infra.postgres.legal_holds import holds_in_force
from infra.postgres.schedules import delete_schedule, schedules_with_names
from infra.postgres.usage import unname_usage
from infra.settings import Settings
from infra.subjects import subject_of
from producer.cancel import Canceller
from producer.privacy.file_walk import FileWalk
from producer.privacy.objects import delete_objects, keys_of
from producer.privacy.people import is_kept
from producer.privacy.usage import names_of_person
from schemas.chat import end_user_of
from schemas.ids import format_id
from schemas.privacy import Erasure, ErasureStage, ErasureState, person_of

_AT_ONCE: Final = 10
_PAGE: Final = 1_000
_CANCELLED_AT_ONCE: Final = 200
_FIRST: Final = UUID(int=0)

_log: Final = structlog.get_logger()


class ErasureWalk:
    """Carries erasures out; any number of processes may, and none is the leader.

    Args:
        engine: Connections; whatever its isolation, these transactions are whole.
        settings: What pseudonyms are made with.
        store: Has what jobs made.
        canceller: Ends what has not ended.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        settings: Settings,
        store: ObjectStore,
        canceller: Canceller,
    ) -> None:
        self._engine = whole_transactions(engine)
        self._settings = settings
        self._store = store
        self._canceller = canceller
        self._files = FileWalk(self._engine, settings, store)

    async def step(self) -> bool:
        """Go on with each erasure by a page of jobs, or a file.

        One that fails does not stop the others: what it failed at is raised after them.

        Returns:
            Whether there is more to do at once.

        Raises:
            DatabaseUnavailableError: PostgreSQL cannot be reached.
            ObjectStoreError: What jobs made could not be deleted; the next step tries again.
        """
        more, failed, after = False, list[Exception](), _FIRST
        while True:
            async with transaction(self._engine) as connection:
                waiting = await waiting_erasures(
                    connection, after=after, seconds=GRACE.total_seconds(), limit=_AT_ONCE
                )
            for erasure in waiting:
                try:
                    more |= await self._go_on(erasure)
                except Exception as error:  # noqa: BLE001 - the others go first
                    _log.warning(
                        "erasure_failed",
                        erasure=format_id("ers", erasure.id),
                        error_type=type(error).__name__,
                    )
                    failed.append(error)
            if len(waiting) < _AT_ONCE:
                break
            after = waiting[-1].id
        if failed:
            raise failed[0]
        return more

    async def _go_on(self, erasure: Erasure) -> bool:
        if erasure.stage is ErasureStage.JOBS:
            return await self._look_at_jobs(erasure)
        more = await self._files.step(erasure)
        if more is not None:
            return more
        if erasure.stage is ErasureStage.OUTPUT_FILES:
            return await self._end(erasure)
        return await self._next_stage(erasure)

    async def _next_stage(self, erasure: Erasure) -> bool:
        async with transaction(self._engine) as connection:
            if not await hold_step(connection, erasure):
                return False
            stage = ErasureStage(erasure.stage + 1)
            await move_on(connection, erasure, after=None, stage=stage)
        return True

    async def _look_at_jobs(self, erasure: Erasure) -> bool:
        after = erasure.after or _FIRST
        until = erasure.asked_at + GRACE
        async with transaction(self._engine) as connection:
            page = await jobs_with_names(
                connection, erasure.tenant_id, after=after, until=until, limit=_PAGE
            )
            holds = await holds_in_force(connection, [erasure.tenant_id])
        if not page:
            return await self._next_stage(erasure)
        theirs = [job for job in page if self._is_theirs(erasure, job)]
        free = [
            job
            for job in theirs
            if not is_kept(holds, self._settings, erasure.tenant_id, (job.id, job.end_user))
        ]
        still = await self._cancel(erasure.tenant_id, free)
        # What a worker is still letting go of is waited for, and so is what comes after it.
        ready = [job.id for job in free if not still or job.id < min(still)]
        last = max(job.id for job in page)
        if still:
            before = [job.id for job in page if job.id < min(still)]
            if not before:
                return False
            last = max(before)
        held = sum(job.id <= last for job in theirs) - len(ready)
        return await self._erase(erasure, ready, last, held) and not still

    def _is_theirs(self, erasure: Erasure, job: NamedJob) -> bool:
        if job.end_user is None:
            return False
        subject = subject_of(self._settings, erasure.tenant_id, job.end_user)
        return subject == erasure.subject

    async def _cancel(self, tenant_id: int, jobs: Sequence[NamedJob]) -> set[UUID]:
        """End what has not ended; return what still has not."""
        going = [job.id for job in jobs if not job.ended]
        for start in range(0, len(going), _CANCELLED_AT_ONCE):
            chunk = going[start : start + _CANCELLED_AT_ONCE]
            await self._canceller.cancel_these(tenant_id, chunk)
        if not going:
            return set()
        async with transaction(self._engine) as connection:
            return set(going) - await ended_of(connection, tenant_id, going)

    async def _erase(
        self, erasure: Erasure, jobs: Sequence[UUID], last: UUID, held: int
    ) -> bool:
        async with transaction(self._engine) as connection:
            keys = await keys_of(connection, self._settings, jobs)
        # Before their keys are forgotten: whoever dies in between deletes them once more.
        await delete_objects(self._store, keys)
        counts = {
            "jobs": erasure.counts.get("jobs", 0) + len(jobs),
            "objects": erasure.counts.get("objects", 0) + len(keys),
            "held": erasure.counts.get("held", 0) + held,
        }
        await self._erase_lines(erasure, jobs)
        async with transaction(self._engine) as connection:
            if not await hold_step(connection, erasure):
                return False
            await erase_content(connection, jobs, prompts=True, results=True, person=True)
            await move_on(connection, erasure, after=last, counts=counts)
        return True

    async def _erase_lines(self, erasure: Erasure, jobs: Sequence[UUID]) -> None:
        tenant_id = erasure.tenant_id
        async with transaction(self._engine) as connection:
            batches = await batches_of_jobs(connection, tenant_id, jobs)
        for batch_id, theirs in batches.items():
            async with transaction(self._engine) as connection:
                # On its own: whoever keeps a batch locks its lines, and then jobs; and one
                # after the other: who keeps them waits for one of them at most.
                await erase_lines_of_jobs(connection, tenant_id, erasure.id, batch_id, theirs)

    async def _end(self, erasure: Erasure) -> bool:
        names = await names_of_person(self._engine, self._settings, erasure)
        async with transaction(self._engine) as connection:
            if not await hold_step(connection, erasure):
                return False
            await forget_traces(connection, erasure.tenant_id, erasure.subject)
            await self._forget_schedules(connection, erasure)
            await self._unbind(connection, erasure)
            await unname_usage(connection, erasure.tenant_id, names)
            done = ErasureState.DONE
            await move_on(connection, erasure, after=erasure.after, state=done)
            await self._record(connection, erasure)
        _log.info("erasure_done", erasure=format_id("ers", erasure.id), **erasure.counts)
        return False

    async def _forget_schedules(self, connection: AsyncConnection, erasure: Erasure) -> None:
        for schedule_id, name in await schedules_with_names(connection, erasure.tenant_id):
            subject = subject_of(self._settings, erasure.tenant_id, name)
            if subject == erasure.subject:
                await delete_schedule(connection, erasure.tenant_id, schedule_id)

    async def _unbind(self, connection: AsyncConnection, erasure: Erasure) -> None:
        bound = await bound_people(connection, erasure.tenant_id)
        theirs = [
            binding
            for binding, name in bound
            if subject_of(self._settings, erasure.tenant_id, name) == erasure.subject
        ]
        await unbind_people(connection, erasure.tenant_id, theirs)
        for platform, user in await people_with_codes(connection):
            name = end_user_of(platform, user)
            if subject_of(self._settings, erasure.tenant_id, name) == erasure.subject:
                await forget_codes_of(connection, platform, user)

    async def _record(self, connection: AsyncConnection, erasure: Erasure) -> None:
        detail = {"erasure": format_id("ers", erasure.id), **erasure.counts}
        if erasure.files:
            detail["files"] = len(erasure.files)
        person = person_of(erasure.subject)
        await record(connection, erasure.tenant_id, "erasure.done", person, detail)

"""Files in which an erasure takes away what lines of a person say: of requests, and of answers.

A line of an input file is the person's if its body names them; other lines keep their places,
to the byte, for a batch may be reading on. A line of an output file is theirs if it was emptied
in the batch. Lines that a batch reads later do not become jobs: ``producer.batches.expansion``.
"""

from collections.abc import Sequence
from contextlib import aclosing
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.clock import SystemClock
from infra.file_bytes import FileBytes
from infra.objectstore.store import ObjectStore
from infra.postgres.engine import transaction
from infra.postgres.erased_files import FoundFile, next_input_file, next_output_file
from infra.postgres.erased_lines import (
    ErasedLine,
    erase_lines_of_file,
    erased_lines,
    lines_on_hold,
)
from infra.postgres.erasures import GRACE, hold_step, move_on
from infra.postgres.files import abandon_file, get_input_file
from infra.postgres.legal_holds import holds_in_force
from infra.postgres.schedules import database_time
from infra.settings import Settings
from infra.subjects import subject_of
from producer.batches.patience import Patience
from producer.privacy.file_rewriting import Choice, Copy, Rewriting
from producer.privacy.line_choice import AnswerLines, RequestLines, longest_read
from schemas.errors import GenqError, ObjectMissingError
from schemas.ids import format_id
from schemas.privacy import Erasure, ErasureStage, LegalHold
from schemas.privacy_errors import ContentUnreadableError
from schemas.stored_file import FileRecord

_FIRST: Final = UUID(int=0)
_MARKED_AT_ONCE: Final = 1_000
# What was being stored when the erasure was asked for is waited for, but not without end.
_PATIENCE: Final = timedelta(minutes=10)
# genq wrote them, and held each of them whole.
_ANY_LENGTH: Final = 1 << 40

_log: Final = structlog.get_logger()


class FileWalk:
    """Carries erasures out in files, a file at a time.

    Args:
        engine: Of whole transactions.
        settings: What pseudonyms are made with, and where files wait.
        store: Has the bytes.
    """

    def __init__(self, engine: AsyncEngine, settings: Settings, store: ObjectStore) -> None:
        self._engine = engine
        self._settings = settings
        self._rewriting = Rewriting(engine, settings, FileBytes(engine, store))
        # Of erasures that found files, one after the other, which this process cannot read.
        self._patience: dict[UUID, Patience] = {}

    async def step(self, erasure: Erasure) -> bool | None:
        """Look at the next file of this stage.

        Returns:
            Whether to go on at once; ``None``: there is no file left.

        Raises:
            DatabaseUnavailableError: PostgreSQL cannot be reached.
            ObjectStoreError: The store cannot do its work; the next step tries again.
        """
        found = await self._next(erasure)
        if found is None:
            self._patience.pop(erasure.id, None)
            return None
        file = found.file
        if found.coming:
            return await self._wait_for(erasure, file)
        try:
            if erasure.stage is ErasureStage.INPUT_FILES:
                more = await self._look_at_requests(erasure, file)
            else:
                more = await self._look_at_answers(erasure, file)
        except (ObjectMissingError, ContentUnreadableError) as error:
            return await self._pass_over(erasure, file, error)
        self._patience.pop(erasure.id, None)
        return more

    async def _next(self, erasure: Erasure) -> FoundFile | None:
        tenant_id, after = erasure.tenant_id, erasure.after or _FIRST
        async with transaction(self._engine) as connection:
            if erasure.stage is ErasureStage.INPUT_FILES:
                until = erasure.asked_at + GRACE
                return await next_input_file(connection, tenant_id, after=after, until=until)
            return await next_output_file(connection, tenant_id, erasure.id, after=after)

    async def _wait_for(self, erasure: Erasure, file: FileRecord) -> bool:
        async with transaction(self._engine) as connection:
            if await database_time(connection) < erasure.asked_at + _PATIENCE:
                return False
            # Whoever still stores it is told to send it again.
            await abandon_file(connection, erasure.tenant_id, file.id)
        return True

    async def _pass_over(self, erasure: Erasure, file: FileRecord, error: GenqError) -> bool:
        """Wait for what cannot be read, but not without end: the others wait for it."""
        async with transaction(self._engine) as connection:
            now = await get_input_file(connection, erasure.tenant_id, file.id)
        if now is None or now.object_key != file.object_key:
            # It is gone, or another erasure wrote it anew.
            return True
        new = Patience(SystemClock(), self._settings.batch_patience)
        if self._patience.setdefault(erasure.id, new).lasts():
            # Another process may have the key, or the store.
            return False
        told = {"file": format_id("file", file.id), "reason": error.message}
        _log.error("erasure_skipped_file", erasure=format_id("ers", erasure.id), **told)
        return await self._move_on(erasure, file, unread=True)

    async def _look_at_requests(self, erasure: Erasure, file: FileRecord) -> bool:
        holds = await self._holds(erasure)
        if _keeps_all(holds, erasure):
            return await self._move_on(erasure, file)
        kept = await self._kept_lines(erasure, file, holds)

        def is_theirs(name: str) -> bool:
            return subject_of(self._settings, erasure.tenant_id, name) == erasure.subject

        exact = self._settings.max_body_bytes
        choice, longest = RequestLines(is_theirs, kept, exact=exact), longest_read(exact)
        numbers, found = list[int](), False
        async with aclosing(self._rewriting.lines(file, longest)) as lines:
            async for line in lines:
                if choice.replaced(line) is None:
                    continue
                found = True
                numbers.append(line.number)
                if len(numbers) >= _MARKED_AT_ONCE:
                    if not await self._mark(erasure, file, numbers, holds):
                        return True
                    numbers.clear()
        if not found:
            return await self._move_on(erasure, file)
        if not await self._mark(erasure, file, numbers, holds):
            return True
        return await self._rewrite(erasure, file, choice, longest, holds)

    async def _look_at_answers(self, erasure: Erasure, file: FileRecord) -> bool:
        holds = await self._holds(erasure)
        if file.batch_id is None or _keeps_all(holds, erasure):
            return await self._move_on(erasure, file)
        async with transaction(self._engine) as connection:
            lines_erased = await erased_lines(connection, erasure.tenant_id, file.batch_id)
        # A hold came after its line was emptied: what the file says is kept, whoever's it is.
        erased = [one for one in lines_erased if not _keeps(holds, one)]
        choice, changed = await AnswerLines.of(file.batch_id, erased, erasure.id), False
        async with aclosing(self._rewriting.lines(file, _ANY_LENGTH)) as lines:
            async for line in lines:
                changed |= choice.replaced(line) is not None
        if changed:
            return await self._rewrite(erasure, file, choice, _ANY_LENGTH, holds)
        # Somebody else's erasure may have written it anew for both.
        return await self._move_on(erasure, file, told=choice.met > 0)

    async def _holds(self, erasure: Erasure) -> list[LegalHold]:
        async with transaction(self._engine) as connection:
            return await holds_in_force(connection, [erasure.tenant_id])

    async def _kept_lines(
        self, erasure: Erasure, file: FileRecord, holds: Sequence[LegalHold]
    ) -> set[int]:
        """Return which lines are on hold, by their jobs."""
        jobs = [hold.job_id for hold in holds if hold.job_id is not None]
        async with transaction(self._engine) as connection:
            return await lines_on_hold(connection, erasure.tenant_id, file.id, jobs)

    async def _mark(
        self,
        erasure: Erasure,
        file: FileRecord,
        numbers: Sequence[int],
        holds: Sequence[LegalHold],
    ) -> bool:
        """Empty lines in batches, unless a hold was placed meanwhile; return whether."""
        if not numbers:
            return True
        tenant_id = erasure.tenant_id
        async with transaction(self._engine) as connection:
            if not await _no_new_hold(connection, tenant_id, holds):
                return False
            await erase_lines_of_file(connection, tenant_id, erasure.id, file.id, numbers)
        return True

    async def _rewrite(
        self,
        erasure: Erasure,
        file: FileRecord,
        choice: Choice,
        longest: int,
        holds: Sequence[LegalHold],
    ) -> bool:
        async with self._rewriting.copy(file, choice, longest) as copy:
            return await self._put_in(erasure, file, copy, holds)

    async def _put_in(
        self, erasure: Erasure, file: FileRecord, copy: Copy, holds: Sequence[LegalHold]
    ) -> bool:
        async with transaction(self._engine) as connection:
            if not await hold_step(connection, erasure):
                return False
            # Another erasure wrote it anew meanwhile, or somebody placed a hold: this one
            # looks at it again.
            if not await _no_new_hold(connection, erasure.tenant_id, holds):
                return True
            if await copy.put_in(connection):
                files = (*erasure.files, file.id)
                await move_on(connection, erasure, after=file.id, files=files)
        return True

    async def _move_on(
        self,
        erasure: Erasure,
        file: FileRecord,
        *,
        told: bool = False,
        unread: bool = False,
    ) -> bool:
        files = (*erasure.files, file.id) if told else erasure.files
        counts = dict(erasure.counts)
        if unread:
            counts["unread"] = counts.get("unread", 0) + 1
        async with transaction(self._engine) as connection:
            if not await hold_step(connection, erasure):
                return False
            await move_on(connection, erasure, after=file.id, files=files, counts=counts)
        return True


def _keeps_all(holds: Sequence[LegalHold], erasure: Erasure) -> bool:
    """Return whether all that there is of the person is on hold."""
    return any(hold.keeps(_FIRST, erasure.subject) for hold in holds)


def _keeps(holds: Sequence[LegalHold], line: ErasedLine) -> bool:
    return any(hold.keeps(line.job_id or _FIRST, line.subject) for hold in holds)


async def _no_new_hold(
    connection: AsyncConnection, tenant_id: int, known: Sequence[LegalHold]
) -> bool:
    before = {hold.id for hold in known}
    return all(hold.id in before for hold in await holds_in_force(connection, [tenant_id]))

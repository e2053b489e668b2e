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
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.file_bytes import FileBytes
from infra.objectstore.store import ObjectStore
from infra.postgres.engine import transaction
from infra.postgres.erased_files import FoundFile, next_input_file, next_output_file
from infra.postgres.erased_lines import erase_lines_of_file, erased_lines, lines_on_hold
from infra.postgres.erasures import GRACE, hold_step, move_on
from infra.postgres.files import abandon_file
from infra.postgres.legal_holds import holds_in_force
from infra.postgres.schedules import database_time
from infra.settings import Settings
from infra.subjects import subject_of
from producer.privacy.file_rewriting import Choice, Copy, Rewriting
from producer.privacy.line_choice import AnswerLines, RequestLines
from schemas.errors import ObjectMissingError
from schemas.ids import format_id
from schemas.privacy import Erasure, ErasureStage
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
            return None
        file = found.file
        if found.coming:
            return await self._wait_for(erasure, file)
        try:
            if erasure.stage is ErasureStage.INPUT_FILES:
                return await self._look_at_requests(erasure, file)
            return await self._look_at_answers(erasure, file)
        except ObjectMissingError:
            return await self._move_on(erasure, file)
        except ContentUnreadableError as error:
            # Nobody reads it; the others must not wait for it.
            told = {"file": format_id("file", file.id), "reason": error.message}
            _log.error("erasure_skipped_file", erasure=format_id("ers", erasure.id), **told)
            return await self._move_on(erasure, file)

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

    async def _look_at_requests(self, erasure: Erasure, file: FileRecord) -> bool:
        kept = await self._kept_lines(erasure, file)
        if kept is None:
            return await self._move_on(erasure, file)

        def is_theirs(name: str) -> bool:
            return subject_of(self._settings, erasure.tenant_id, name) == erasure.subject

        choice, longest = RequestLines(is_theirs, kept), self._settings.max_body_bytes
        numbers, found = list[int](), False
        async with aclosing(self._rewriting.lines(file, longest)) as lines:
            async for line in lines:
                if choice.replaced(line) is None:
                    continue
                found = True
                numbers.append(line.number)
                if len(numbers) >= _MARKED_AT_ONCE:
                    await self._mark(erasure, file, numbers)
                    numbers.clear()
        await self._mark(erasure, file, numbers)
        if not found:
            return await self._move_on(erasure, file)
        return await self._rewrite(erasure, file, choice, longest)

    async def _look_at_answers(self, erasure: Erasure, file: FileRecord) -> bool:
        if file.batch_id is None:
            return await self._move_on(erasure, file)
        async with transaction(self._engine) as connection:
            erased = await erased_lines(connection, erasure.tenant_id, file.batch_id)
        choice, changed = AnswerLines(file.batch_id, erased, erasure.id), False
        async with aclosing(self._rewriting.lines(file, _ANY_LENGTH)) as lines:
            async for line in lines:
                changed |= choice.replaced(line) is not None
        if changed:
            return await self._rewrite(erasure, file, choice, _ANY_LENGTH)
        # Somebody else's erasure may have written it anew for both.
        return await self._move_on(erasure, file, told=choice.met > 0)

    async def _kept_lines(self, erasure: Erasure, file: FileRecord) -> set[int] | None:
        """Return which lines are on hold; ``None``: all that there is of the person."""
        async with transaction(self._engine) as connection:
            holds = await holds_in_force(connection, [erasure.tenant_id])
            if any(hold.keeps(_FIRST, erasure.subject) for hold in holds):
                return None
            jobs = [hold.job_id for hold in holds if hold.job_id is not None]
            return await lines_on_hold(connection, erasure.tenant_id, file.id, jobs)

    async def _mark(self, erasure: Erasure, file: FileRecord, numbers: Sequence[int]) -> None:
        if not numbers:
            return
        async with transaction(self._engine) as connection:
            await erase_lines_of_file(
                connection, erasure.tenant_id, erasure.id, file.id, numbers
            )

    async def _rewrite(
        self, erasure: Erasure, file: FileRecord, choice: Choice, longest: int
    ) -> bool:
        async with self._rewriting.copy(file, choice, longest) as copy:
            return await self._move_on(erasure, file, copy, told=True)

    async def _move_on(
        self,
        erasure: Erasure,
        file: FileRecord,
        copy: Copy | None = None,
        *,
        told: bool = False,
    ) -> bool:
        files = (*erasure.files, file.id) if told else erasure.files
        async with transaction(self._engine) as connection:
            if not await hold_step(connection, erasure):
                return False
            if copy is not None and not await copy.put_in(connection):
                # Another erasure wrote it anew meanwhile: this one looks at it again.
                return True
            await move_on(connection, erasure, after=file.id, files=files)
        return True

"""A batch's output and error files: streamed to disk, then to the object store.

A file is put in before its bytes go to the store, and published with the batch's end: what a
process leaves half-way is nobody's, and the janitor of files takes it away.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from infra.file_bytes import with_new_key
from infra.new_ids import new_key
from infra.objectstore.keys import file_key
from infra.postgres.batch_lines import BatchLine, lines_of
from infra.postgres.engine import transaction
from infra.postgres.files import abandon_file, insert_file
from infra.postgres.read_jobs import read_each_job
from infra.spool import Spool, open_spool
from producer.api.bodies import encode
from producer.batches.answers import UNREAD, LineAnswer, answer_line, unread_line
from producer.batches.parts import BatchParts
from producer.batches.patience import Patience
from producer.batches.usage import UsageSum
from producer.breather import Breather
from schemas.batch import LineOutcome
from schemas.batch_record import BatchRecord
from schemas.errors import DatabaseUnavailableError, ObjectStoreError
from schemas.ids import format_id
from schemas.job import JobRecord
from schemas.privacy_errors import ContentUnreadableError
from schemas.stored_file import FilePurpose, FileRecord

_PAGE: Final = 100
# Pictures are read from the store beside each other.
_AT_ONCE: Final = 8
_TYPE: Final = "application/jsonl"

_Jobs = Mapping[UUID, JobRecord | ContentUnreadableError]


@dataclass(frozen=True, slots=True)
class Outputs:
    """What was made of a batch's lines.

    Attributes:
        output: The file of answers; ``None``: there are none.
        errors: The file of the other lines.
        outcomes: How many lines there are of each, as they stand in the files.
        usage: Summed over the answers; ``None``: none tells any.
        unread: Lines that succeeded and whose answers cannot be read, by the code and the
            message of their errors: they have failed now.
        erased: Lines that had said nothing any more.
    """

    output: FileRecord | None
    errors: FileRecord | None
    outcomes: Mapping[LineOutcome, int]
    usage: Mapping[str, Any] | None
    unread: Mapping[tuple[str, str], Sequence[int]]
    erased: int = 0


NO_FILES: Final = Outputs(None, None, {}, None, {})
"""Of a batch that ends before any of its lines does."""


class OutputWriter:
    """Writes the files of one batch, all of whose lines have ended.

    Args:
        parts: What it takes.
        batch: Which.
        patience: How long an answer that cannot be read is waited for.
    """

    def __init__(self, parts: BatchParts, batch: BatchRecord, patience: Patience) -> None:
        self._parts = parts
        self._batch = batch
        self._patience = patience
        self._unread = defaultdict[tuple[str, str], list[int]](list)
        self._given_up: dict[int, BatchLine] = {}
        self._all_read = False
        self._endpoint = parts.endpoints.get(batch.endpoint)
        self._outcomes = Counter[LineOutcome]()
        self._usage = UsageSum()
        self._begun: list[UUID] = []
        self._erased = 0

    @property
    def all_read(self) -> bool:
        """Whether every answer was read, or given up: what fails now are the files."""
        return self._all_read

    async def write(self) -> Outputs:
        """Store the files; those of no line are not made.

        Raises:
            ObjectStoreError: The store cannot take them, or give what is to stand in them.
            ContentUnreadableError: What is to stand in them does not open, or no key seals
                them.
            DatabaseUnavailableError: PostgreSQL cannot be reached.
        """
        settings = self._parts.settings
        # Files without a name: gone with this process, however it ends.
        async with open_spool(settings) as good, open_spool(settings) as bad:
            await self._spool(good, bad)
            await self._look_again()
            self._all_read = True
            output = await self._store(good, "output")
            errors = await self._store(bad, "error")
        return Outputs(
            output,
            errors,
            self._outcomes,
            self._usage.total(),
            self._unread,
            self._erased,
        )

    async def abandon(self) -> None:
        """Leave what was stored, and is not published, to the janitor of files at once."""
        with suppress(DatabaseUnavailableError):
            async with transaction(self._parts.engine) as connection:
                for file_id in self._begun:
                    await abandon_file(connection, self._batch.tenant_id, file_id)

    async def _spool(self, good: Spool, bad: Spool) -> None:
        breather = Breather()
        async for page in self._pages():
            jobs = await self._jobs([line.job_id for line in page if line.job_id])
            for start in range(0, len(page), _AT_ONCE):
                some = page[start : start + _AT_ONCE]
                for line, answer in zip(some, await self._answers(some, jobs), strict=True):
                    spool = good if answer.succeeded else bad
                    await spool.add(encode(answer.line) + b"\n")
                    self._count(line, answer)
                    await breather.breathe()

    def _count(self, line: BatchLine, answer: LineAnswer) -> None:
        outcome = line.outcome or LineOutcome.FAILED
        self._erased += line.erased_by is not None
        if outcome is LineOutcome.SUCCEEDED and not answer.succeeded:
            outcome = LineOutcome.FAILED
            error = answer.line["error"]
            self._unread[error["code"], error["message"]].append(line.line)
        self._outcomes[outcome] += 1
        self._usage.add(answer.usage)

    async def _pages(self) -> AsyncGenerator[list[BatchLine]]:
        after, ordered = 0, self._batch.ordered_output
        while True:
            async with transaction(self._parts.engine) as connection:
                page = await lines_of(
                    connection, self._batch, after=after, limit=_PAGE, in_order=ordered
                )
            if page:
                yield page
            # All lines have ended: behind a page that is not full there is none.
            if len(page) < _PAGE:
                return
            after = page[-1].line if ordered else page[-1].seq or 0

    async def _jobs(self, ids: Sequence[UUID]) -> _Jobs:
        async with transaction(self._parts.engine) as connection:
            return await read_each_job(connection, [(i, self._batch.tenant_id) for i in ids])

    async def _answers(self, lines: Sequence[BatchLine], jobs: _Jobs) -> list[LineAnswer]:
        return await asyncio.gather(*(self._answer(line, jobs) for line in lines))

    async def _answer(self, line: BatchLine, jobs: _Jobs) -> LineAnswer:
        job = jobs.get(line.job_id) if line.job_id else None
        try:
            answer = await answer_line(
                self._batch, line, job, self._endpoint, self._parts.reading
            )
        except UNREAD as error:
            if self._patience.lasts(line.line):
                raise
            self._given_up[line.line] = line
            return unread_line(self._batch, line, error)
        if self._patience.mended(line.line) and self._given_up:
            raise ObjectStoreError("what was away is back; the files are written again")
        return answer

    async def _look_again(self) -> None:
        """See that what was given up is not to be read now either: it is lost for good."""
        lines = list(self._given_up.values())
        for start in range(0, len(lines), _AT_ONCE):
            some = lines[start : start + _AT_ONCE]
            await self._answers(
                some, await self._jobs([line.job_id for line in some if line.job_id])
            )

    async def _store(self, spool: Spool, name: str) -> FileRecord | None:
        if not spool.size:
            return None
        batch, settings, key = self._batch, self._parts.settings, new_key()
        now = self._parts.clock.now()
        kept = settings.file_expiry
        if batch.output_expires_after is not None:
            kept = timedelta(seconds=batch.output_expires_after)
        place, _ = file_key(
            tenant_id=batch.tenant_id, created_at=now, file_id=key, content_type=_TYPE
        )
        file = FileRecord(
            id=key,
            tenant_id=batch.tenant_id,
            purpose=FilePurpose.BATCH_OUTPUT,
            filename=f"{format_id('batch', batch.id)}_{name}.jsonl",
            content_type=_TYPE,
            size=spool.size,
            sha256=await spool.finish(),
            object_key=place,
            created_at=now,
            expires_at=now + kept,
            batch_id=batch.id,
        )
        async with transaction(self._parts.engine) as connection:
            file = await with_new_key(connection, file)
            await insert_file(connection, file)
        self._begun.append(key)
        await self._parts.files.put(file, spool.file)
        return file

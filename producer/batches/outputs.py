"""A batch's output and error files: streamed to disk, then to the object store.

A file is put in before its bytes go to the store, and published with the batch's end: what a
process leaves half-way is nobody's, and the janitor of files takes it away.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import structlog

from infra.new_ids import new_key
from infra.objectstore.keys import file_key
from infra.postgres.batch_lines import BatchLine, lines_of
from infra.postgres.engine import transaction
from infra.postgres.files import abandon_file, insert_file
from infra.postgres.read_jobs import get_jobs
from infra.spool import Spool, open_spool
from producer.api.bodies import encode
from producer.batches.answers import LineAnswer, answer_line
from producer.batches.parts import BatchParts
from producer.batches.usage import UsageSum
from producer.breather import Breather
from schemas.batch import LineOutcome
from schemas.batch_record import BatchRecord
from schemas.errors import DatabaseUnavailableError
from schemas.ids import format_id
from schemas.job import JobRecord
from schemas.privacy_errors import ContentUnreadableError
from schemas.stored_file import FilePurpose, FileRecord

_PAGE: Final = 100
# Pictures are read from the store beside each other.
_AT_ONCE: Final = 8
_TYPE: Final = "application/jsonl"

_log: Final = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Outputs:
    """What was made of a batch's lines.

    Attributes:
        output: The file of answers; ``None``: there are none.
        errors: The file of the other lines.
        outcomes: How many lines there are of each.
        usage: Summed over the answers; ``None``: none tells any.
    """

    output: FileRecord | None
    errors: FileRecord | None
    outcomes: Mapping[LineOutcome, int]
    usage: Mapping[str, Any] | None


class OutputWriter:
    """Writes the files of one batch, all of whose lines have ended.

    Args:
        parts: What it takes.
        batch: Which.
    """

    def __init__(self, parts: BatchParts, batch: BatchRecord) -> None:
        self._parts = parts
        self._batch = batch
        self._endpoint = parts.endpoints.get(batch.endpoint)
        self._outcomes = Counter[LineOutcome]()
        self._usage = UsageSum()
        self._begun: list[UUID] = []

    async def write(self) -> Outputs:
        """Store the files; those of no line are not made.

        Raises:
            ObjectStoreError: The store cannot take them, or give what is to stand in them.
            DatabaseUnavailableError: PostgreSQL cannot be reached.
        """
        settings = self._parts.settings
        # Files without a name: gone with this process, however it ends.
        async with open_spool(settings) as good, open_spool(settings) as bad:
            await self._spool(good, bad)
            output = await self._store(good, "output")
            errors = await self._store(bad, "error")
        return Outputs(output, errors, self._outcomes, self._usage.total())

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
                    self._outcomes[line.outcome or LineOutcome.FAILED] += 1
                    self._usage.add(answer.usage)
                    await breather.breathe()

    async def _pages(self) -> AsyncGenerator[list[BatchLine]]:
        after, ordered = 0, self._batch.ordered_output
        while True:
            async with transaction(self._parts.engine) as connection:
                page = await lines_of(
                    connection, self._batch, after=after, limit=_PAGE, in_order=ordered
                )
            if not page:
                return
            yield page
            after = page[-1].line if ordered else page[-1].seq or 0

    async def _jobs(self, ids: Sequence[UUID]) -> dict[UUID, JobRecord]:
        try:
            async with transaction(self._parts.engine) as connection:
                return await get_jobs(connection, [(i, self._batch.tenant_id) for i in ids])
        except ContentUnreadableError:
            if len(ids) == 1:
                _log.warning("batch_answer_unreadable", job_id=format_id("job", ids[0]))
                return {}
        found: dict[UUID, JobRecord] = {}
        for one in ids:
            found |= await self._jobs([one])
        return found

    async def _answers(
        self, lines: Sequence[BatchLine], jobs: Mapping[UUID, JobRecord]
    ) -> list[LineAnswer]:
        return await asyncio.gather(
            *(
                answer_line(
                    self._batch,
                    line,
                    jobs.get(line.job_id) if line.job_id else None,
                    self._endpoint,
                    self._parts.reading,
                )
                for line in lines
            )
        )

    async def _store(self, spool: Spool, name: str) -> FileRecord | None:
        if not spool.size:
            return None
        batch, settings, key = self._batch, self._parts.settings, new_key()
        now = self._parts.clock.now()
        kept = settings.file_expiry
        if batch.output_expires_after is not None:
            kept = timedelta(seconds=batch.output_expires_after)
        place, media_type = file_key(
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
            await insert_file(connection, file)
        self._begun.append(key)
        await self._parts.store.put_file(place, spool.file, media_type)
        return file

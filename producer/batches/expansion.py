"""Lines of a batch's file become jobs, some hundred in one transaction.

Jobs, rows of lines and the place in the file commit together: whoever goes on after a crash
begins with the first line that has no row.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.batch_lines import BatchLine, insert_lines, unsuccessful
from infra.postgres.batch_steps import Expanded, Kept, lock_batch, note_expanded
from infra.postgres.budgets import lock_books
from infra.postgres.engine import transaction
from infra.postgres.erased_lines import NOBODY
from infra.postgres.files import get_input_file
from infra.postgres.submit import NewJob, insert_jobs
from infra.postgres.tenants import Tenant, get_tenant
from infra.telemetry.metrics import JOBS_SUBMITTED
from producer.batches.erased_people import without_erased
from producer.batches.file_lines import FileLine, LineSplitter, pieces_of
from producer.batches.line_drafts import MODERATIONS, LineDraft, LineDrafter, time_left
from producer.batches.parts import BatchParts
from producer.breather import Breather
from producer.budget_verdict import lane_of
from producer.budgets import insert_budgeted
from producer.rings import rings_of
from schemas import generation
from schemas.batch import BatchStatus, LineOutcome
from schemas.batch_record import BatchRecord
from schemas.stored_file import FileRecord

_CHUNK_LINES: Final = 256
_CHUNK_BYTES: Final = 1 << 20
# Lines that become nothing cost less, those that are judged here more.
_CHUNK_PLAIN: Final = 2_000
_CHUNK_JUDGED: Final = 16
# Other batches get their turn, however few of the lines become jobs.
_TURN_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Progress:
    """What became of a batch by reading on.

    Attributes:
        jobs: How many jobs were made.
    """

    batch: BatchRecord
    jobs: int


class Expansion:
    """Turns lines of one batch into jobs.

    Args:
        parts: What it takes.
        kept: The batch by its fence.
        file: Its input.
    """

    def __init__(self, parts: BatchParts, kept: Kept, file: FileRecord) -> None:
        self._parts = parts
        self._kept = kept
        self._file = file
        self._longest = parts.settings.max_body_bytes

    async def make_jobs(self, batch: BatchRecord, *, room: int) -> Progress:
        """Read on until ``room`` jobs are made, the file, the turn or the batch ends.

        Raises:
            BatchLostError: Somebody else keeps it.
            GenqError: Of a server behind; what was written stays, and can be gone on with.
        """
        tenant = await self._begin(batch)
        if tenant.suspended:
            # Nothing new of it is accepted: the rest waits until it is let in again.
            return Progress(batch, 0)
        drafter, made, until = LineDrafter(self._parts, batch, tenant), 0, _end_of_turn()
        most = _CHUNK_JUDGED if batch.endpoint == MODERATIONS else _CHUNK_LINES
        async with aclosing(self._chunks(batch, most)) as chunks:
            async for lines, end in chunks:
                chosen = await self._chosen(batch, lines)
                wanted = chosen[: room - made]
                cut = len(wanted) < len(chosen)
                place = Expanded(wanted[-1].number, wanted[-1].end) if cut else end
                drafts = await _drafted(drafter, wanted)
                if time_left(self._parts, batch).total_seconds() <= 0:
                    break
                batch, new = await self._write(tenant, drafts, place)
                made += new
                over = made >= room or _is_past(until)
                if over or batch.status is not BatchStatus.IN_PROGRESS:
                    break
        return Progress(batch, made)

    async def give_up(self, batch: BatchRecord, outcome: LineOutcome) -> BatchRecord:
        """Write of lines that are left that they became nothing, as many as a turn allows.

        Raises:
            BatchLostError: Somebody else keeps it.
        """
        tenant = await self._begin(batch)
        drafter, until = LineDrafter(self._parts, batch, tenant), _end_of_turn()
        async with aclosing(self._chunks(batch, _CHUNK_PLAIN)) as chunks:
            async for lines, place in chunks:
                breather, drafts = Breather(), list[LineDraft]()
                for line in await self._chosen(batch, lines):
                    drafts.append(drafter.plain(line))
                    await breather.breathe()
                async with transaction(self._parts.engine) as connection:
                    now = await lock_batch(connection, self._kept)
                    left = await self._left(connection, drafts)
                    rows = _ended(left, now, outcome)
                    await insert_lines(connection, now.id, rows)
                    counted = _given_up(place, len(rows), outcome)
                    batch = await note_expanded(connection, self._kept, counted)
                if _is_past(until):
                    break
        return batch

    async def _begin(self, batch: BatchRecord) -> Tenant:
        """Return whose batch it is; an erasure may have put the file elsewhere."""
        async with transaction(self._parts.engine) as connection:
            found = await get_input_file(connection, batch.tenant_id, self._file.id)
            self._file = found or self._file
            return await get_tenant(connection, batch.tenant_id)

    async def _chunks(
        self, batch: BatchRecord, most: int
    ) -> AsyncGenerator[tuple[list[FileLine], Expanded]]:
        """Yield lines from where the batch is, and the place after them; the end at last."""
        if batch.bytes_read >= self._file.size:
            return
        stored = await self._parts.files.get(self._file, start=batch.bytes_read)
        splitter = LineSplitter(
            longest=self._longest, number=batch.lines_read, place=batch.bytes_read
        )
        lines, size, breather = list[FileLine](), 0, Breather()
        try:
            async for piece in pieces_of(stored.data):
                # A piece of blank lines gives none.
                await breather.breathe()
                for line in splitter.feed(piece):
                    lines.append(line)
                    size += len(line.data or b"")
                    if len(lines) >= most or size >= _CHUNK_BYTES:
                        yield lines, Expanded(line.number, line.end)
                        lines, size = [], 0
        finally:
            await stored.close()
        lines += splitter.finish()
        yield lines, Expanded(splitter.number, self._file.size)

    async def _chosen(self, batch: BatchRecord, lines: Sequence[FileLine]) -> list[FileLine]:
        """Return the lines that are the batch's: of a retry those without success."""
        if batch.retry_of is None or not lines:
            return list(lines)
        async with transaction(self._parts.engine) as connection:
            again = await unsuccessful(
                connection, batch.retry_of, lines[0].number, lines[-1].number
            )
        return [line for line in lines if line.number in again]

    async def _write(
        self, tenant: Tenant, drafts: Sequence[LineDraft], place: Expanded
    ) -> tuple[BatchRecord, int]:
        async with transaction(self._parts.engine) as connection:
            if any(draft.new is not None and draft.new.money is not None for draft in drafts):
                # Books are locked before rows.
                await lock_books(connection, [tenant.id])
            now = await lock_batch(connection, self._kept)
            if now.status is not BatchStatus.IN_PROGRESS:
                return now, 0
            written = await self._insert(connection, await self._left(connection, drafts))
            rows = _rows(written, now)
            await insert_lines(connection, now.id, rows)
            completed = sum(row.outcome is LineOutcome.SUCCEEDED for row in rows)
            failed = sum(row.outcome is LineOutcome.FAILED for row in rows)
            place = replace(place, completed=completed, failed=failed)
            batch = await note_expanded(connection, self._kept, place)
        jobs = [draft.new for draft in written if draft.new is not None]
        if jobs:
            await self._tell(jobs)
        return batch, len(jobs)

    async def _left(
        self, connection: AsyncConnection, drafts: Sequence[LineDraft]
    ) -> Sequence[LineDraft]:
        return await without_erased(connection, self._parts.settings, self._file, drafts)

    async def _insert(
        self, connection: AsyncConnection, drafts: Sequence[LineDraft]
    ) -> list[LineDraft]:
        """Insert the jobs; return the drafts as they were written."""
        jobs = [draft.new for draft in drafts if draft.new is not None]
        ttl = self._parts.settings.idempotency_ttl
        if not any(job.money is not None for job in jobs):
            if jobs:
                await insert_jobs(connection, jobs, idempotency_ttl=ttl)
            return list(drafts)
        judged = await insert_budgeted(connection, jobs, idempotency_ttl=ttl)
        public_url = self._parts.settings.public_url.rstrip("/")
        found = {one.job.id: one for one in judged}
        written = list[LineDraft]()
        for draft in drafts:
            one = found.get(draft.new.id) if draft.new is not None else None
            if one is None:
                written.append(draft)
            elif one.refusal is not None:
                written.append(draft.refused(one.refusal, public_url))
            else:
                written.append(replace(draft, new=one.job))
        return written

    async def _tell(self, jobs: Sequence[NewJob]) -> None:
        counts = Counter((lane_of(job), generation.BY_NUMBER[job.kind]) for job in jobs)
        for (lane, kind), number in counts.items():
            JOBS_SUBMITTED.labels(lane.value, kind.value).inc(number)
        await self._parts.doorbells.ring_all(rings_of(jobs))


def _end_of_turn() -> float:
    return asyncio.get_running_loop().time() + _TURN_SECONDS


def _is_past(instant: float) -> bool:
    return asyncio.get_running_loop().time() >= instant


async def _drafted(drafter: LineDrafter, lines: Sequence[FileLine]) -> list[LineDraft]:
    breather, drafts = Breather(), list[LineDraft]()
    for line in lines:
        drafts.append(await drafter.draft(line))
        await breather.breathe()
    return drafts


def _rows(drafts: Sequence[LineDraft], batch: BatchRecord) -> list[BatchLine]:
    """Return rows of lines; those that are no jobs have ended."""
    rows, ended = list[BatchLine](), batch.completed + batch.failed
    for draft in drafts:
        if draft.new is not None:
            rows.append(BatchLine(draft.number, draft.custom_id, draft.new.id))
            continue
        ended += 1
        outcome = LineOutcome.SUCCEEDED if draft.succeeded else LineOutcome.FAILED
        rows.append(
            BatchLine(
                draft.number,
                draft.custom_id,
                answer=draft.answer,
                seq=ended,
                outcome=outcome,
                erased_by=NOBODY if draft.erased else None,
            )
        )
    return rows


def _given_up(place: Expanded, lines: int, outcome: LineOutcome) -> Expanded:
    cancelled = lines if outcome is LineOutcome.CANCELLED else 0
    return replace(place, failed=lines, expired=lines - cancelled, cancelled=cancelled)


def _ended(
    drafts: Sequence[LineDraft], batch: BatchRecord, outcome: LineOutcome
) -> list[BatchLine]:
    first = batch.completed + batch.failed + 1
    return [
        BatchLine(
            draft.number,
            draft.custom_id,
            seq=seq,
            outcome=outcome,
            erased_by=NOBODY if draft.erased else None,
        )
        for seq, draft in enumerate(drafts, first)
    ]

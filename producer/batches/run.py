"""One batch that this process keeps: what to do next, step by step, until it has ended.

Every step reads what the last one committed, and can be done again: a process that dies
between any two of them leaves a batch that another one goes on with.
"""

import asyncio
from dataclasses import replace
from typing import Final

from infra.postgres.batch_lines import count_open
from infra.postgres.batch_steps import (
    BatchLostError,
    End,
    Kept,
    begin_batch,
    begin_finalizing,
    collect_ended,
    cut_short,
    lock_batch,
)
from infra.postgres.engine import transaction
from infra.postgres.files import get_input_file
from infra.telemetry.metrics import BATCH_LINES_VALIDATED
from producer.batches.answers import UNREAD
from producer.batches.batch_jobs import BatchJobs
from producer.batches.ending import end, end_of, given_up
from producer.batches.expansion import Expansion
from producer.batches.input_file import lines_are_missing, validate_input
from producer.batches.line_counter import LineCounter
from producer.batches.line_drafts import time_left
from producer.batches.outputs import OutputWriter
from producer.batches.pace import Pace
from producer.batches.parts import BatchParts
from producer.batches.patience import Patience
from producer.batches.validation import entry
from schemas.batch import BatchStatus, LineOutcome
from schemas.batch_record import BatchRecord
from schemas.errors import ObjectMissingError
from schemas.privacy_errors import ContentUnreadableError
from schemas.stored_file import FileRecord

_COLLECTED_AT_ONCE: Final = 2_000
_WINDOW_PARTS: Final = 4
# Other batches get their turn in between.
_MADE_AT_ONCE: Final = 2_000
_CHUNK: Final = 256
# What waits for a person to let a tenant in again is asked now and then.
_BLOCKED_PAUSE: Final = 5.0
_AT_ONCE: Final = 0.0


class BatchRun:
    """A batch, held by lease and fence.

    Args:
        parts: What it takes.
        batch: As it was claimed.
        fence: Of that claim.
        pace: How often to look which lines have ended.
    """

    def __init__(
        self, parts: BatchParts, batch: BatchRecord, fence: int, pace: Pace | None = None
    ) -> None:
        self.batch = batch
        self.kept = Kept(batch.id, fence)
        self._parts = parts
        self._pace = pace or Pace()
        self._open = 0
        self._known = False
        self._lost = False
        self._to_write = False
        self._jobs = BatchJobs(parts, self.kept, batch.tenant_id)
        self._for_input = Patience(parts.clock, parts.settings.batch_patience)
        self._for_answers = Patience(parts.clock, parts.settings.batch_patience)
        self._for_files = Patience(parts.clock, parts.settings.batch_patience)
        self._counter = LineCounter()
        self._file: FileRecord | None = None

    @property
    def heavy(self) -> bool:
        """Whether the next step reads a whole file, or writes one."""
        whole = {BatchStatus.VALIDATING, BatchStatus.FINALIZING}
        return self.batch.status in whole or self._to_write

    def note(self, status: BatchStatus | None) -> None:
        """Hear what a renewal of the lease found; ``None``: it is somebody else's now."""
        if status is None:
            self._lost = True
        elif status is BatchStatus.CANCELLING:
            self.batch = replace(self.batch, status=status)

    def doubt(self) -> None:
        """Look again before the next step: whether the last one was committed is unknown."""
        self._known = False

    async def abandon(self) -> None:
        """End it as failed: genq itself cannot go on with it.

        What has ended stays in its results; what has not is cancelled.

        Raises:
            BatchLostError: Somebody else keeps it.
            GenqError: A server behind is away: nothing has ended, and it can be tried again.
        """
        # Its jobs first: once it has ended, nobody comes back for them.
        await self._jobs.cancel_all()
        await self._end(given_up(self.batch))

    async def step(self) -> float | None:
        """Do the next thing; return how long to wait then, ``None`` if the batch has ended.

        Raises:
            BatchLostError: Somebody else keeps it.
            GenqError: A server behind is away; the same step can be tried again.
        """
        if self._lost:
            raise BatchLostError
        if not self._known:
            await self._look()
            self._counter.look(self.batch)
        pause = await self._next()
        self._counter.look(self.batch)
        return pause

    async def _next(self) -> float | None:
        match self.batch.status:
            case BatchStatus.VALIDATING:
                return await self._validate()
            case BatchStatus.IN_PROGRESS | BatchStatus.CANCELLING if not self._to_write:
                return await self._go_on()
            case BatchStatus.FINALIZING | BatchStatus.CANCELLING:
                return await self._finalize()
            case _:
                return None

    async def _look(self) -> None:
        async with transaction(self._parts.engine) as connection:
            self.batch = await lock_batch(connection, self.kept)
            self._open = await count_open(connection, self.batch.id)
            self._file = await get_input_file(
                connection, self.batch.tenant_id, self.batch.input_file_id
            )
        self._known = True

    # --- before it begins

    async def _validate(self) -> float | None:
        if time_left(self._parts, self.batch).total_seconds() <= 0:
            message = "The completion window was over before the input file was read."
            fault = entry("input_file_not_read", message, param="input_file_id")
            return await self._end(End(BatchStatus.EXPIRED, 0, errors=[fault]))
        found = await validate_input(self._parts, self.batch, self._file, self._given_up)
        if self._given_up():
            return _AT_ONCE
        if found.errors:
            BATCH_LINES_VALIDATED.labels("refused").inc(found.total)
            return await self._end(End(BatchStatus.FAILED, found.total, errors=found.errors))
        async with transaction(self._parts.engine) as connection:
            self.batch = await begin_batch(
                connection, self.kept, total=found.total, model=found.model
            )
        BATCH_LINES_VALIDATED.labels("accepted").inc(found.total)
        return _AT_ONCE

    def _given_up(self) -> bool:
        return self._lost or self.batch.status is not BatchStatus.VALIDATING

    # --- while it runs

    async def _go_on(self) -> float | None:
        if self.batch.in_progress_at is None:
            # It was cancelled before it began.
            return await self._end(End(BatchStatus.CANCELLED, 0))
        if self.batch.status is BatchStatus.CANCELLING and not self._jobs.told_to_end:
            await self._jobs.cancel()
        try:
            made, pause = await self._expand()
        except UNREAD:
            # What has ended is told all the same.
            await self._collect()
            raise
        loop, freed = asyncio.get_running_loop(), False
        if not self._pace.left(loop.time()):
            freed = await self._collect()
        if self._all_read and self._open == 0:
            if await lines_are_missing(self._parts, self.batch):
                await self._cut_short()
            if self.batch.status is BatchStatus.CANCELLING:
                self._to_write = True
                return _AT_ONCE
            async with transaction(self._parts.engine) as connection:
                self.batch = await begin_finalizing(connection, self.kept)
            return _AT_ONCE
        # A small window that has room again is not left empty until the next look.
        made = made or (freed and not self._all_read and self._room() > 0)
        return _AT_ONCE if made else min(pause, self._pace.left(loop.time()))

    @property
    def _all_read(self) -> bool:
        return (
            self._file is None
            or self.batch.errors is not None
            or self.batch.bytes_read >= self._file.size
        )

    @property
    def _is_over(self) -> bool:
        left = time_left(self._parts, self.batch).total_seconds()
        return left <= 0 or self.batch.status is BatchStatus.CANCELLING

    async def _expand(self) -> tuple[bool, float]:
        """Read on; return whether lines were read, and how long to wait if none were."""
        if self._all_read or self._file is None:
            return False, _BLOCKED_PAUSE
        expansion = Expansion(self._parts, self.kept, self._file)
        before = self.batch.bytes_read
        try:
            if self.batch.status is BatchStatus.CANCELLING:
                self.batch = await expansion.give_up(self.batch, LineOutcome.CANCELLED)
            elif self._is_over:
                self.batch = await expansion.give_up(self.batch, LineOutcome.EXPIRED)
            else:
                room = self._room()
                if room <= 0:
                    return False, _BLOCKED_PAUSE
                progress = await expansion.make_jobs(self.batch, room=min(room, _MADE_AT_ONCE))
                self.batch = progress.batch
                self._open += progress.jobs
        except ObjectMissingError:
            await self._cut_short()
        except UNREAD:
            # Until its time is up, the file may be there again.
            if not self._is_over or self._for_input.lasts():
                raise
            await self._cut_short("input_file_unreadable", "could not be read")
        return self.batch.bytes_read > before, _BLOCKED_PAUSE

    def _room(self) -> int:
        """Return how many lines may become jobs; 0 until it is worth a transaction."""
        window = self.batch.max_parallel or self._parts.settings.batch_window
        room = window - self._open
        return room if room >= min(_CHUNK, max(1, window // _WINDOW_PARTS)) else 0

    async def _cut_short(
        self, code: str = "input_file_missing", what: str = "was lost"
    ) -> None:
        """The input file is gone, or shorter than it was: what is jobs goes on."""
        message = f"The input file {what}; lines after this one were not read."
        error = entry(code, message, line=self.batch.lines_read)
        async with transaction(self._parts.engine) as connection:
            self.batch = await cut_short(
                connection, self.kept, open_lines=self._open, errors=[error]
            )

    async def _collect(self) -> bool:
        """Note which lines have ended; return whether any have."""
        loop = asyncio.get_running_loop()
        begun, found = loop.time(), 0
        while True:
            async with transaction(self._parts.engine) as connection:
                self.batch, some = await collect_ended(
                    connection, self.batch, self.kept, limit=_COLLECTED_AT_ONCE
                )
            found += some
            self._open -= some
            if some < _COLLECTED_AT_ONCE:
                break
        now = loop.time()
        self._pace.looked(now, took=now - begun, found=found, open_lines=self._open)
        return found > 0

    # --- its end

    async def _finalize(self) -> None:
        writer = OutputWriter(self._parts, self.batch, self._for_answers)
        try:
            made = await writer.write()
            wanted = end_of(self.batch, made)
            self.batch = await end(self._parts, self.kept, wanted, made)
        except Exception as error:
            # They are written again: a disk that is full must not fill up with copies.
            await writer.abandon()
            unsealed = isinstance(error, ContentUnreadableError) and writer.all_read
            if not unsealed or self._for_files.lasts():
                raise
            # No key seals the files, and none is made beside one that does not open.
            await self.abandon()

    async def _end(self, wanted: End) -> None:
        """End it before its lines do."""
        self.batch = await end(self._parts, self.kept, wanted)

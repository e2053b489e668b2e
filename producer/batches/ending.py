"""How a batch ends: its status, files and counts, and what is owed because of it, at once."""

from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.batch_events import tell_batch_end
from infra.doorbells import DELIVER
from infra.postgres.batch_lines import note_unread
from infra.postgres.batch_steps import End, Kept, end_batch
from infra.postgres.engine import transaction
from infra.postgres.erased_lines import count_erased
from infra.postgres.files import publish_file
from infra.telemetry.metrics import BATCH_LINES_ENDED, BATCH_TOTAL_SECONDS
from producer.batches.outputs import NO_FILES, Outputs
from producer.batches.parts import BatchParts
from producer.batches.validation import entry
from schemas.batch import LINE_ERASED, BatchStatus, LineOutcome
from schemas.batch_record import BatchRecord
from schemas.errors import InternalError, ObjectMissingError
from schemas.ids import format_id

_UNREAD: Final = "unread"

_log: Final = structlog.get_logger()


def end_of(batch: BatchRecord, made: Outputs) -> End:
    """Return how a batch ends whose files are written. Pure."""
    return End(
        _final_status(batch, made),
        sum(made.outcomes.values()),
        made.outcomes,
        batch.errors,
        made.usage,
        made.output.id if made.output else None,
        made.errors.id if made.errors else None,
    )


def given_up(batch: BatchRecord) -> End:
    """Return how a batch ends that genq itself cannot go on with. Pure."""
    message = "genq failed to go on with this batch. What has ended is in its results."
    fault = entry(InternalError.code, message)
    return End(BatchStatus.FAILED, batch.total, errors=[fault])


async def end(
    parts: BatchParts, kept: Kept, wanted: End, made: Outputs = NO_FILES
) -> BatchRecord:
    """End a batch; whoever asked for it hears of it. Return it as it ended.

    Raises:
        BatchLostError: Somebody else keeps it.
        ObjectMissingError: Writing its files took so long that they are gone again.
        DatabaseUnavailableError: PostgreSQL cannot be reached.
    """
    async with transaction(parts.engine) as connection:
        batch = await end_batch(connection, kept, wanted)
        if made.output or made.errors:
            await _refuse_what_was_erased(connection, batch, made)
        for (code, message), lines in made.unread.items():
            told = {"code": code, "message": message}
            await note_unread(connection, batch.id, lines, told)
        for file_id in (wanted.output_file_id, wanted.error_file_id):
            if file_id is not None and not await publish_file(
                connection, batch.tenant_id, file_id
            ):
                raise ObjectMissingError("the file took too long; it is written again")
        owed = await tell_batch_end(connection, batch)
    if owed:
        await parts.doorbells.ring(DELIVER)
    _tell(batch, made)
    return batch


async def _refuse_what_was_erased(
    connection: AsyncConnection, batch: BatchRecord, made: Outputs
) -> None:
    """See that nobody was erased while the files were written; the batch is locked now."""
    if await count_erased(connection, batch.id) != made.erased:
        raise ObjectMissingError("lines were erased meanwhile; the files are written again")


def _tell(batch: BatchRecord, made: Outputs) -> None:
    # What was erased was read well: it says nothing, as it is meant to.
    lost = {why: lines for why, lines in made.unread.items() if why != LINE_ERASED}
    unread = sum(map(len, lost.values()))
    _log.info(
        "batch_ended",
        batch_id=format_id("batch", batch.id),
        status=batch.status.word,
        completed=batch.completed,
        failed=batch.failed,
        unread=unread,
    )
    if unread:
        BATCH_LINES_ENDED.labels(_UNREAD).inc(unread)
        _log.warning(
            "batch_answers_unread",
            batch_id=format_id("batch", batch.id),
            lines=unread,
            codes=sorted({code for code, _ in lost}),
        )
    if batch.ended_at is not None:
        seconds = (batch.ended_at - batch.created_at).total_seconds()
        BATCH_TOTAL_SECONDS.labels(batch.status.word).observe(seconds)


def _final_status(batch: BatchRecord, made: Outputs) -> BatchStatus:
    if batch.status is BatchStatus.CANCELLING:
        return BatchStatus.CANCELLED
    if batch.errors is not None:
        return BatchStatus.FAILED
    expired = made.outcomes.get(LineOutcome.EXPIRED, 0)
    return BatchStatus.EXPIRED if expired else BatchStatus.COMPLETED

"""The lines of a batch that have ended, streamed, while it runs and afterwards."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.postgres.batch_lines import BatchLine
from infra.postgres.batch_reads import ended_lines, last_seq
from infra.postgres.engine import transaction
from infra.postgres.read_jobs import read_each_job
from producer.api.bodies import encode
from producer.batches.answers import UNREAD, LineAnswer, answer_line, unread_line
from producer.breather import Breather
from producer.openai.endpoint import Reading
from producer.openai.endpoints import ENDPOINTS
from schemas.batch_record import BatchRecord
from schemas.job import JobRecord
from schemas.privacy_errors import ContentUnreadableError

# Nobody knows beforehand how large answers are: one may be a word, or eight pictures.
_FIRST_STEP: Final = 16
_LONGEST_STEP: Final = 256
_SMALL: Final = 256 * 1024
_LARGE: Final = 1024 * 1024
_CHUNK: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class ResultsPage:
    """Which lines are wanted.

    Attributes:
        after: The ``seq`` behind which it begins.
        last: The ``seq`` up to which it goes: where the next page begins.
        succeeded: Only lines that succeeded, or only the others; ``None``: all.
    """

    after: int
    last: int
    succeeded: bool | None = None


async def page_of(
    engine: AsyncEngine,
    batch: BatchRecord,
    *,
    after: int,
    limit: int | None,
    succeeded: bool | None,
) -> ResultsPage:
    """Return which lines are there now behind ``after``, ``limit`` at the most."""
    async with transaction(engine) as connection:
        last = await last_seq(
            connection,
            batch.tenant_id,
            batch.id,
            after=after,
            limit=limit,
            succeeded=succeeded,
        )
    return ResultsPage(after, last, succeeded)


async def results(
    engine: AsyncEngine, batch: BatchRecord, page: ResultsPage, reading: Reading
) -> AsyncIterator[bytes]:
    """Yield a page in chunks of whole lines, each as in the files of batches, with ``seq``.

    As many lines are held as make about a megabyte. One whose answer cannot be read is told as
    an error, and the others go on.

    Raises:
        DatabaseUnavailableError: PostgreSQL cannot be reached any more.
    """
    after, step = page.after, _FIRST_STEP
    breather = Breather()
    while after < page.last:
        async with transaction(engine) as connection:
            lines = await ended_lines(
                connection,
                batch.tenant_id,
                batch.id,
                after=after,
                last=page.last,
                limit=step,
                succeeded=page.succeeded,
            )
            wanted = [(one.job_id, batch.tenant_id) for one in lines if one.job_id]
            jobs = await read_each_job(connection, wanted)
        size, chunk = 0, bytearray()
        for line in lines:
            # Each is let go when it is written.
            job = jobs.pop(line.job_id, None) if line.job_id else None
            answer = await _answer(batch, line, job, reading)
            chunk += encode({**answer.line, "seq": line.seq}) + b"\n"
            if len(chunk) >= _CHUNK:
                size += len(chunk)
                yield bytes(chunk)
                chunk.clear()
            await breather.breathe()
        if chunk:
            size += len(chunk)
            yield bytes(chunk)
        if not lines:
            return
        after = lines[-1].seq or page.last
        step = _next_step(step, size)


async def _answer(
    batch: BatchRecord,
    line: BatchLine,
    job: JobRecord | ContentUnreadableError | None,
    reading: Reading,
) -> LineAnswer:
    endpoint = ENDPOINTS.get(batch.endpoint)
    try:
        return await answer_line(batch, line, job, endpoint, reading)
    except UNREAD as error:
        # Whoever asks again may be told more; the lines after it are told now.
        return unread_line(batch, line, error)


def _next_step(step: int, size: int) -> int:
    """Return how many lines to look at next, after ``step`` lines took ``size`` bytes."""
    if size < _SMALL:
        return min(2 * step, _LONGEST_STEP)
    return max(1, step // 2) if size > _LARGE else step

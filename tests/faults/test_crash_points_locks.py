"""A statement that waited for a lock, and then found the row changed, still does all it should.

PostgreSQL plans a statement anew, or keeps one plan for all values, as it sees fit; it looks
again at a row that changed while it was waited for. The two together must not lose a write.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.endings import ending_of
from infra.postgres.dead_letters import get_dead_letter, replace_dead_letters
from infra.postgres.engine import create_engine, transaction
from infra.postgres.finish import finish_jobs
from infra.postgres.submit import NewJob
from producer.dead_letters import Redriver
from schemas.dead_letter import DeadLetter, DeadLetterEdits
from schemas.ids import parse_id
from schemas.job_states import AttemptOutcome, JobState
from tests.fixtures.harness import Harness

PARK = "UPDATE flow SET parked_until = now() + interval '1 minute', park_reason = 1"
# So many that PostgreSQL looks each one up, and leaves out partitions while it runs.
HISTORY = (
    "INSERT INTO job (id, tenant_id, lane, kind, priority, model, final_state)"
    " SELECT uuidv7(), 0, 1, 1, 5, 'm', 10 FROM generate_series(1, 3000)"
)
TOUCH = "UPDATE flow SET vtime = vtime + 1"


def while_a_row_is_touched(
    genq: Harness, touch: str, work: Callable[[AsyncConnection], Awaitable[Any]]
) -> None:
    """Run ``work`` under one plan for all values; it waits for another who touches a row."""

    async def scene() -> None:
        engine = create_engine(genq.settings, process="waits")

        async def waiting() -> None:
            async with transaction(engine) as connection:
                await connection.execute(text("SET LOCAL plan_cache_mode = force_generic_plan"))
                await work(connection)

        async def waits() -> bool:
            async with transaction(engine) as connection:
                found = await connection.execute(
                    text(
                        "SELECT 1 FROM pg_stat_activity WHERE application_name = 'genq waits'"
                        " AND wait_event_type = 'Lock'"
                    )
                )
                return found.first() is not None

        async with transaction(engine) as other:
            await other.execute(text(touch))
            task = asyncio.create_task(waiting())
            async with asyncio.timeout(10):
                while not await waits():  # noqa: ASYNC110 - PostgreSQL sets no event
                    await asyncio.sleep(0.02)  # sleeps: until PostgreSQL says that it waits
        async with asyncio.timeout(10):
            await task
        await engine.dispose()

    genq.do(scene())


def test_a_finish_that_waited_for_its_flow_ends_its_job_whole(genq: Harness) -> None:
    genq.sql(HISTORY)
    genq.sql("ANALYZE job")
    job_id = genq.submit()
    genq.release()
    claim = genq.claim_one()
    genq.sql(PARK)
    ending = ending_of(
        claim,
        state=JobState.SUCCEEDED,
        outcome=AttemptOutcome.OK,
        finished_at=claim.started_at,
        public_url="http://genq.invalid",
    )

    while_a_row_is_touched(genq, TOUCH, lambda connection: finish_jobs(connection, [ending]))

    assert genq.events(job_id) == ["job.succeeded"]
    assert genq.job(job_id).state is JobState.SUCCEEDED


async def _letter(
    tenant_id: int, job_id: UUID, connection: AsyncConnection
) -> DeadLetter | None:
    return await get_dead_letter(connection, tenant_id, job_id)


def test_a_redrive_that_waited_for_a_dead_job_sends_all_of_them_again(genq: Harness) -> None:
    genq.sql(HISTORY)
    genq.sql("ANALYZE job")
    dead = [genq.submit() for _ in range(3)]
    genq.sql("DELETE FROM live")
    genq.sql("UPDATE job SET final_state = 12, finished_at = now() WHERE tenant_id > 0")
    tenant = genq.tenant("acme")
    ttl = genq.settings.idempotency_ttl
    redriver = Redriver(genq._engine, genq._submitter, genq._doorbells, idempotency_ttl=ttl)
    ids = [parse_id("job", job_id) for job_id in dead]
    drafts = [
        genq.do(redriver._draft(tenant, letter, DeadLetterEdits()))
        for job_id in ids
        if (letter := genq.in_transaction(partial(_letter, tenant.id, job_id)))
    ]
    made: list[NewJob] = []

    async def redrive(connection: AsyncConnection) -> None:
        made.extend(
            await replace_dead_letters(connection, tenant.id, drafts, idempotency_ttl=ttl)
        )

    first = f"UPDATE job SET attempts = attempts WHERE id = '{ids[0]}'"
    while_a_row_is_touched(genq, first, redrive)

    assert len(made) == len(dead)

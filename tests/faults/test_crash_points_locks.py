"""A statement that waited for a lock, and then found the row changed, still does all it should.

PostgreSQL plans a statement anew, or keeps one plan for all values, as it sees fit; it looks
again at a row that changed while it was waited for. The two together must not lose a write.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.endings import ending_of
from infra.postgres.engine import create_engine, transaction
from infra.postgres.finish import finish_jobs
from schemas.job_states import AttemptOutcome, JobState
from tests.fixtures.harness import Harness

PARK = "UPDATE flow SET parked_until = now() + interval '1 minute', park_reason = 1"
# So many that PostgreSQL looks each one up, and leaves out partitions while it runs.
HISTORY = (
    "INSERT INTO job (id, tenant_id, lane, kind, priority, model, final_state)"
    " SELECT uuidv7(), 0, 1, 1, 5, 'm', 10 FROM generate_series(1, 3000)"
)
TOUCH = "UPDATE flow SET vtime = vtime + 1"


def while_a_flow_is_touched(
    genq: Harness, work: Callable[[AsyncConnection], Awaitable[Any]]
) -> None:
    """Run ``work`` under one plan for all values; it waits for a dispatcher that parks."""

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

        async with transaction(engine) as dispatcher:
            await dispatcher.execute(text(TOUCH))
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

    while_a_flow_is_touched(genq, lambda connection: finish_jobs(connection, [ending]))

    assert genq.events(job_id) == ["job.succeeded"]
    assert genq.job(job_id).state is JobState.SUCCEEDED

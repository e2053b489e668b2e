"""No tenant can starve another, and no batch can starve a person who is waiting."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.broker import Carrier
from infra.postgres.capacity import capacity
from infra.postgres.engine import create_engine, transaction
from producer.dispatcher.turn import take_turn
from schemas.claim import Pointer
from schemas.lanes import Lane
from tests.fixtures.harness import Harness


def owners(genq: Harness, pointers: list[Pointer]) -> Counter[str]:
    names = {row.id: row.name for row in genq.sql("SELECT id, name FROM tenant")}
    rows = genq.sql(
        "SELECT tenant_id FROM live WHERE job_id = ANY (:ids)",
        ids=[pointer.job_id for pointer in pointers],
    )
    return Counter(names[row.tenant_id] for row in rows)


def test_a_tenant_with_a_thousand_jobs_does_not_delay_one_with_a_single_job(
    genq: Harness,
) -> None:
    genq.silence_workers()
    genq.new_worker(slots=10)
    for _ in range(60):
        genq.submit(tenant="whale")
    genq.release()
    genq.sent.clear()

    genq.submit(tenant="minnow")
    genq.sql("DELETE FROM live WHERE state = 3")
    released = genq.release()

    assert owners(genq, released)["minnow"] == 1


def test_tenants_share_a_lane_by_their_weights(genq: Harness) -> None:
    genq.silence_workers()
    genq.new_worker(slots=30)
    genq.tenant("plain", weight=1000)
    genq.tenant("double", weight=2000)
    for _ in range(60):
        genq.submit(tenant="plain")
        genq.submit(tenant="double")

    released = genq.release()

    assert owners(genq, released) == {"plain": 12, "double": 24}


def test_a_tenant_that_rested_has_no_credit(genq: Harness) -> None:
    genq.silence_workers()
    genq.new_worker(slots=10)
    genq.tenant("rested")
    for _ in range(100):
        genq.submit(tenant="busy")
    for _ in range(4):
        genq.release()
        genq.sent.clear()
        genq.sql("DELETE FROM live WHERE state = 3")
    for _ in range(50):
        genq.submit(tenant="rested")

    released = genq.release()

    shares = owners(genq, released)
    assert abs(shares["busy"] - shares["rested"]) <= 2


def test_lanes_share_the_slots_eight_to_four_to_two_to_one(genq: Harness) -> None:
    genq.silence_workers()
    genq.new_worker(slots=125)
    for lane in Lane:
        for _ in range(150):
            genq.submit(lane=lane)

    released = genq.release()

    rows = genq.sql("SELECT lane, count(*) AS n FROM live WHERE state = 3 GROUP BY lane")
    assert {row.lane: row.n for row in rows} == {1: 80, 2: 40, 3: 20, 4: 10}
    assert len(released) == 150


def test_an_idle_lane_leaves_its_share_to_the_others(genq: Harness) -> None:
    for _ in range(130):
        genq.submit(lane=Lane.BATCH)

    assert len(genq.release()) == 120


def test_jobs_of_a_tenant_run_by_priority_then_age(genq: Harness) -> None:
    late = genq.submit(priority=9)
    first = genq.submit(priority=5)
    second = genq.submit(priority=5)
    urgent = genq.submit(priority=0)

    released = genq.release()

    rows = genq.sql("SELECT job_id FROM live ORDER BY priority, job_id")
    assert [p.job_id for p in released] == [row.job_id for row in rows]
    assert len({late, first, second, urgent}) == 4


def test_without_a_worker_nothing_is_released(genq: Harness) -> None:
    genq.silence_workers()
    job_id = genq.submit()

    released = genq.release()

    assert released == []
    assert genq.job(job_id).waiting_on == "no_worker"


def test_a_tenant_at_its_limit_is_parked_and_goes_on_when_a_job_ends(genq: Harness) -> None:
    genq.tenant("small", max_inflight=2)
    for _ in range(3):
        genq.submit(tenant="small")

    at_limit = len(genq.release())
    genq.work_one()
    after_one_ended = len(genq.release())

    assert (at_limit, after_one_ended) == (2, 2)


def test_a_missed_unpark_is_mended_by_the_parks_own_end(genq: Harness) -> None:
    genq.tenant("small", max_inflight=1)
    genq.submit(tenant="small")
    genq.submit(tenant="small")
    genq.release()
    genq.sql("DELETE FROM live WHERE state = 3")
    genq.sent.clear()

    while_parked = len(genq.release())
    genq.advance(timedelta(seconds=2))
    genq.reap()
    afterwards = len(genq.release())

    assert (while_parked, afterwards) == (0, 1)


def test_four_dispatchers_at_once_never_exceed_a_tenants_limit(genq: Harness) -> None:
    limit = 2
    genq.tenant("small", max_inflight=limit)
    for _ in range(24):
        genq.submit(tenant="small")
    most = 0
    done = 0

    async def dispatcher() -> None:
        nonlocal done, most
        engine = create_engine(genq.settings, process="dispatcher")

        async def publish(carriers: Sequence[Carrier]) -> None:
            del carriers

        while done < 24:
            await take_turn(engine, genq.settings, publish)
            async with transaction(engine) as connection:
                now = await capacity(connection)
                most = max(most, sum(lane.inflight for lane in now.lanes))
                ended = await _end_one(connection)
                # One that ends while a flow is being parked does not see the park, which is
                # then over by its time alone: here at once.
                await connection.execute(text("UPDATE flow SET parked_until = NULL"))
            # Not "done += await …": that reads done before it waits.
            done += ended
        await engine.dispose()

    async def all_of_them() -> None:
        async with asyncio.timeout(120), asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(dispatcher())

    genq.do(all_of_them())

    assert most == limit


async def _end_one(connection: AsyncConnection) -> int:
    result = await connection.execute(
        text(
            # Materialized: a plan may ask an IN (… LIMIT 1) again for each row, and get many.
            "WITH x AS MATERIALIZED (SELECT job_id FROM live WHERE state = 3 LIMIT 1"
            " FOR UPDATE SKIP LOCKED),"
            " d AS (DELETE FROM live USING x WHERE live.job_id = x.job_id"
            " RETURNING live.lane, live.tenant_id),"
            " f AS (UPDATE flow SET parked_until = NULL FROM d"
            " WHERE flow.lane = d.lane AND flow.tenant_id = d.tenant_id)"
            " SELECT count(*) FROM d"
        )
    )
    return result.scalar_one()

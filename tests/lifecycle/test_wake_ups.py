"""No flow sleeps on ready work, whatever submitters and dispatchers do at the same time."""

import asyncio

from infra.postgres.engine import create_engine, transaction
from infra.postgres.flows import sleep_flows, wake_sleepers
from schemas.lanes import Lane
from tests.fixtures.harness import Harness

LANE = Lane.FAST


def sleeping_on_work(genq: Harness) -> int:
    rows = genq.sql(
        "SELECT count(*) AS n FROM flow f WHERE NOT f.active AND EXISTS (SELECT 1 FROM live l"
        " WHERE l.state = 2 AND l.lane = f.lane AND l.tenant_id = f.tenant_id)"
    )
    return rows[0].n


def test_submitters_and_bedtime_at_once_leave_no_sleeping_work(genq: Harness) -> None:
    tenants = [genq.tenant(f"t{number}") for number in range(4)]
    keys = [(LANE.number, tenant.id) for tenant in tenants]
    rounds = 40

    async def put_to_bed() -> None:
        engine = create_engine(genq.settings, process="bedtime")
        for _ in range(rounds):
            async with transaction(engine) as connection:
                await sleep_flows(connection, keys)
        await engine.dispose()

    async def submit_and_end(number: int) -> None:
        engine = create_engine(genq.settings, process="submitter")
        for _ in range(rounds // 2):
            await genq.submit_async(tenant=f"t{number}")
            async with transaction(engine) as connection:
                await connection.exec_driver_sql(
                    "DELETE FROM live WHERE random() < 0.7"
                    f" AND tenant_id = {tenants[number].id}"
                )
        await engine.dispose()

    async def all_of_them() -> None:
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            for _ in range(2):
                group.create_task(put_to_bed())
            for number in range(4):
                group.create_task(submit_and_end(number))

    genq.do(all_of_them())

    assert sleeping_on_work(genq) == 0


def test_the_audit_finds_a_sleeping_flow_and_wakes_it(genq: Harness) -> None:
    genq.submit()
    genq.sql("UPDATE flow SET active = false")

    found = genq.in_transaction(wake_sleepers)

    assert found == 1
    assert len(genq.release()) == 1


def test_the_audit_finds_nothing_in_a_healthy_system(genq: Harness) -> None:
    for number in range(3):
        genq.submit(tenant=f"t{number}")

    assert genq.in_transaction(wake_sleepers) == 0


def test_an_empty_flow_falls_asleep_and_the_next_job_wakes_it(genq: Harness) -> None:
    genq.submit()
    genq.run_until_idle()
    asleep = genq.sql("SELECT active FROM flow")

    genq.submit()

    assert [row.active for row in asleep] == [False]
    assert len(genq.release()) == 1

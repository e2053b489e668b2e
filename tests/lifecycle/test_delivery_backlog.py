"""What a look costs does not depend on how much one dead receiver is owed."""

import asyncio
from datetime import timedelta
from typing import Any

from sqlalchemy import TextClause

from infra.postgres import delivery
from infra.postgres.delivery import Lane
from infra.postgres.hot import HotStatement
from infra.settings import Settings
from tests.fixtures.deliveries import Deliveries, open_deliveries
from worker.delivery.leases import SWEEP, WINDOW

# About 500 pages of the table itself; a statement that walks the backlog reads all of them.
BACKLOG = 20_000
AFFORDABLE_PAGES = 250
DEAD = "http://127.0.0.1:9999"


def test_no_statement_of_a_look_reads_the_backlog_of_a_dead_receiver(
    settings: Settings,
) -> None:
    async def play() -> None:
        async with open_deliveries(settings) as deliveries:
            await deliveries.owe(f"{DEAD}/hook")
            [row] = await deliveries.rows()
            lane = Lane(row.tenant_id, row.origin)
            await deliveries.execute(
                "INSERT INTO delivery (id, event_id, job_id, tenant_id, url, origin, next_at)"
                " SELECT uuidv7(), uuidv7(), uuidv7(), :tenant_id, :url, :origin,"
                " now() - n * interval '1 ms' FROM generate_series(1, :backlog) n",
                tenant_id=lane.tenant_id,
                url=f"{DEAD}/hook",
                origin=DEAD,
                backlog=BACKLOG,
            )
            await deliveries.execute("ANALYZE delivery")
            share = {"tenant_ids": [lane.tenant_id], "origins": [DEAD], "rooms": [8]}
            looks: list[tuple[TextClause | HotStatement, dict[str, Any]]] = [
                (delivery._DUE, {"window": WINDOW}),
                (
                    delivery._AFTER,
                    {"tenant_id": -1, "origin": "", "most": SWEEP, "depth": 8},
                ),
                (delivery._LEASE, {**share, "lease": timedelta(seconds=30)}),
                (delivery._NEXT, {}),
            ]
            for statement, values in looks:
                pages = await pages_read(deliveries, statement, values)
                assert pages < AFFORDABLE_PAGES, statement.text

    asyncio.run(play())


async def pages_read(
    deliveries: Deliveries, statement: TextClause | HotStatement, values: dict[str, Any]
) -> int:
    explain = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "
    [row] = await deliveries.execute(explain + statement.text, **values)
    [plan] = row[0]
    return plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]

"""What a look costs does not depend on how much one dead receiver is owed."""

import asyncio
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, TextClause

from infra.postgres import (
    delivery,
    delivery_lanes,
    delivery_records,
    due_lanes,
    forgotten_lanes,
)
from infra.postgres.due_lanes import PassedOver
from infra.postgres.hot import HotStatement
from infra.settings import Settings
from schemas.webhooks import DELIVERY_LIFETIME
from tests.fixtures.deliveries import Deliveries, open_deliveries
from tests.fixtures.receiver import Receiver
from worker.delivery.leases import EACH, TENANTS, WINDOW

# About 500 pages of the table itself; a statement that walks the backlog reads all of them.
BACKLOG = 20_000
AFFORDABLE_PAGES = 250
DEAD = "http://127.0.0.1:9999"
FILL = """
INSERT INTO delivery (id, event_id, job_id, tenant_id, url, origin, rank, seq, next_at)
SELECT uuidv7(), uuidv7(), uuidv7(), :tenant_id, :url, :origin, n % 2, n,
  now() + CASE WHEN n % 3 = 0 THEN n ELSE -n END * interval '1 ms'
FROM generate_series(1, :backlog) n
"""


def test_no_statement_of_a_look_reads_the_backlog_of_a_dead_receiver(
    settings: Settings,
) -> None:
    async def play() -> None:
        async with open_deliveries(settings) as deliveries:
            await deliveries.owe(f"{DEAD}/hook")
            await fill(deliveries)
            [lane] = await deliveries.lanes()
            looks = statements(lane, (await deliveries.rows())[-1])
            for statement, values in looks:
                # The first reading marks what other tests left dead in the indexes.
                await pages_read(deliveries, statement, values)
                pages = await pages_read(deliveries, statement, values)
                assert pages < AFFORDABLE_PAGES, statement.text

    asyncio.run(play())


def test_ten_thousand_rows_of_a_blocked_receiver_keep_nobody_waiting(
    settings: Settings,
) -> None:
    async def play() -> None:
        async with open_deliveries(settings) as deliveries, Receiver() as healthy:
            await deliveries.owe(f"{DEAD}/hook")
            await fill(deliveries)
            await deliveries.execute(
                "UPDATE webhook_lane SET breaker = 1, blocked_until = now() + interval '1 hour'"
            )
            await deliveries.owe(healthy.url)
            await deliveries.deliver()
            assert len(healthy.requests) == 1
            # It was woken by its backlog, looked at, and left alone until then.
            [lane, *_] = [one for one in await deliveries.lanes() if one.origin == DEAD]
            assert lane.owner is None
            assert lane.due_in > timedelta(minutes=59)

    asyncio.run(play())


Look = tuple[TextClause | HotStatement, dict[str, Any]]


def statements(lane: Row[Any], row: Row[Any]) -> list[Look]:
    """Return every statement of a look at one lane, with values as a loop has them."""
    depths: dict[str, Any] = {"depths": [16], "pasts": [16]}
    fetch = {**depths, "held": ["{}"], "in_order": [True], "progress": 3}
    records = f'[{{"n":0,"id":"{row.id}","lane":{lane.id},"lease":0,"attempt":1}}]'
    record: dict[str, Any] = {"rows": records, "ids": [row.id], "lifetime": DELIVERY_LIFETIME}
    of: dict[str, Any] = {"lanes": [lane.id], "by_hand": [1], "me": 1}
    ends: dict[str, Any] = {"lifetime": DELIVERY_LIFETIME, "exhausted": 2, "discarded": 3}
    return [
        *statements_of_lanes(lane),
        (delivery._FETCH, fetch | of),
        (delivery._FETCH_BY_HAND, {"newest": 64} | of),
        (delivery_records._RECORD, record | of),
        (forgotten_lanes._WAKE, {"after": -(2**63), "most": 9}),
        (forgotten_lanes._EXPIRE, {"most": 9} | ends),
    ]


def statements_of_lanes(lane: Row[Any]) -> list[Look]:
    """Return those that find, take and give up lanes."""
    one: dict[str, Any] = {
        "ids": [lane.id],
        "fences": [1],
        "me": 1,
        "lease": timedelta(seconds=15),
    }
    due: dict[str, Any] = {"window": WINDOW, "most": 9, **PassedOver().values()}
    around: dict[str, Any] = {"after": -1, "after_trust": 0, "tenants": TENANTS, "each": EACH}
    return [
        (due_lanes._DUE, due),
        (due_lanes._DUE_OF_TENANTS, around | PassedOver().values()),
        (due_lanes._ABANDONED, {"me": 1, "most": 9}),
        (due_lanes._MISSED, one),
        (due_lanes._NEXT, {}),
        (delivery_lanes._LEASE, one),
        (delivery_lanes._LET_GO, {**one, **standing()}),
    ]


async def fill(deliveries: Deliveries) -> None:
    [row] = await deliveries.rows()
    await deliveries.execute(
        FILL, tenant_id=row.tenant_id, url=f"{DEAD}/hook", origin=DEAD, backlog=BACKLOG
    )
    await deliveries.execute("ANALYZE delivery")


def standing() -> dict[str, Any]:
    nothing = (
        "failing_since",
        "last_failures",
        "last_successes",
        "in_flights",
        "blocked_until",
        "throttled_until",
    )
    zero = ("breakers", "failures", "probes", "delivered", "failed")
    return {
        **{name: [None] for name in nothing},
        **{name: [0] for name in zero},
        "rests": [False],
    }


async def pages_read(
    deliveries: Deliveries, statement: TextClause | HotStatement, values: dict[str, Any]
) -> int:
    explain = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "
    [row] = await deliveries.execute(explain + statement.text, **values)
    [plan] = row[0]
    return plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]

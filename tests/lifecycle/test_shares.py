"""Shares over many releases: by weight, by cost, by lane, to the quantum."""

from collections import Counter
from datetime import timedelta

import pytest

from schemas.lanes import Lane
from tests.fixtures.harness import Harness

_STEP = 35


def queue(
    genq: Harness, tenant: str, jobs: int, *, lane: Lane = Lane.FAST, cost: int = 1000
) -> None:
    """Queue jobs of which only the release will see anything."""
    owner = genq.tenant(tenant)
    genq.sql(
        "INSERT INTO live (job_id, lane, tenant_id, state, priority, cost)"
        " SELECT uuidv7(), :lane, :tenant, 2, 5, :cost FROM generate_series(1, :jobs)",
        lane=lane.number,
        tenant=owner.id,
        cost=cost,
        jobs=jobs,
    )
    genq.sql(
        "INSERT INTO flow (lane, tenant_id, max_inflight) VALUES (:lane, :tenant, 10000)",
        lane=lane.number,
        tenant=owner.id,
    )


def serve(genq: Harness, jobs: int, by: str = "tenant_id") -> Counter[int]:
    """Release so many jobs, some slots at a time, as workers free them."""
    served: Counter[int] = Counter()
    genq.silence_workers()
    genq.new_worker(slots=_STEP)
    while served.total() < jobs:
        genq.turn()
        rows = genq.sql(f"DELETE FROM live WHERE state = 3 RETURNING {by} AS owner")
        served.update(row.owner for row in rows)
        genq.sent.clear()
    return served


def test_weights_of_one_two_four_share_fourteen_hundred_releases(genq: Harness) -> None:
    for weight in (1000, 2000, 4000):
        genq.tenant(f"w{weight}", weight=weight)
        queue(genq, f"w{weight}", 1500)

    served = serve(genq, 1400)

    total = served.total()
    for weight in (1000, 2000, 4000):
        share = total * weight / 7000
        assert abs(served[genq.tenant(f"w{weight}").id] - share) <= weight / 1000


def test_a_tenant_of_dear_jobs_pays_for_them(genq: Harness) -> None:
    queue(genq, "small", 900, cost=1000)
    queue(genq, "large", 900, cost=4000)

    served = serve(genq, 700)

    small, large = served[genq.tenant("small").id], served[genq.tenant("large").id]
    assert small / large == pytest.approx(4, rel=0.1)


def test_batch_gets_its_fifteenth_while_every_lane_is_backlogged(genq: Harness) -> None:
    for lane in Lane:
        queue(genq, "acme", 1200, lane=lane)

    served = serve(genq, 1500, by="lane")

    assert served[Lane.BATCH.number] >= served.total() // 15 - 1
    assert served[Lane.TURBO.number] == pytest.approx(served.total() * 8 / 15, abs=8)


def test_a_whale_does_not_slow_a_newcomer(genq: Harness) -> None:
    queue(genq, "whale", 2000)
    serve(genq, 300)
    queue(genq, "newcomer", 1)

    served = serve(genq, 1)

    assert served[genq.tenant("newcomer").id] == 1


def test_a_parked_flow_that_returns_has_no_credit(genq: Harness) -> None:
    queue(genq, "busy", 1000)
    queue(genq, "rested", 1000)
    genq.sql(
        "UPDATE flow SET parked_until = now() + interval '1 minute', park_reason = 2"
        " WHERE tenant_id = :id",
        id=genq.tenant("rested").id,
    )
    serve(genq, 350)
    genq.advance(timedelta(minutes=1))
    genq.reap()

    served = serve(genq, 140)

    assert abs(served[genq.tenant("busy").id] - served[genq.tenant("rested").id]) <= 2

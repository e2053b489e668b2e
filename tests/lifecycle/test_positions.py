"""A queued job knows its place, what it waits for and when it may start, at any scale."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from infra.postgres.positions import standing_of
from infra.postgres.service_rates import HORIZON, Served, add_served, rates_of
from producer.position import place_of, placed
from schemas.ids import parse_id
from schemas.position import QueuePlace
from tests.fixtures.harness import MODEL, Harness
from tests.fixtures.vacuum import vacuum

RATE = [Served(lane=2, pool=1, released=10 * HORIZON.total_seconds(), finished=50, seconds=2.0)]


def place(genq: Harness, job_id: str, tenant: str = "acme") -> QueuePlace:
    job = genq.job(job_id, tenant)
    found = genq.in_transaction(lambda c: place_of(c, job, genq.settings))
    assert found is not None
    return found


def test_a_job_stands_behind_its_tenants_older_and_more_urgent_jobs(genq: Harness) -> None:
    genq.silence_workers()
    first, second = genq.submit(), genq.submit()
    late_but_urgent = genq.submit(priority=0)

    ahead = [place(genq, job).ahead_in_flow for job in (late_but_urgent, first, second)]

    assert ahead == [0, 1, 2]
    assert not place(genq, second).estimated


def test_ahead_in_the_lane_are_the_jobs_that_take_their_turn_before(genq: Harness) -> None:
    genq.silence_workers()
    for _ in range(20):
        genq.submit(tenant="whale")
    for _ in range(2):
        genq.submit(tenant="small")
    mine = [genq.submit(tenant="me") for _ in range(4)]

    # One of each of the others; then, before my fourth: three of mine, four of the whale and
    # no more of the small one than it has.
    assert place(genq, mine[0], "me").ahead_in_lane == 2
    assert place(genq, mine[3], "me").ahead_in_lane == 3 + 4 + 2


def test_the_place_foretells_the_order_of_releases(genq: Harness) -> None:
    genq.silence_workers()
    genq.new_worker(slots=1)
    for tenant, weight in (("a", 1000), ("b", 2000), ("c", 4000)):
        genq.tenant(tenant, weight=weight)
        for _ in range(20):
            genq.submit(tenant=tenant)
    for _ in range(14):
        genq.release()
        genq.work_one()
    mine = genq.submit(tenant="b")
    ahead = place(genq, mine, "b").ahead_in_lane
    assert ahead is not None

    order: list[UUID] = []
    while genq.release():
        order += [pointer.job_id for pointer in genq.sent]
        while genq.sent:
            genq.work_one()

    # What is released in one turn goes by age.
    assert abs(order.index(parse_id("job", mine)) - ahead) <= 2


def test_end_users_of_a_tenant_wait_for_their_own_turn_only(genq: Harness) -> None:
    genq.silence_workers()
    for _ in range(50):
        genq.submit(end_user="busy")
    mine = genq.submit(end_user="quiet")

    standing = place(genq, mine)

    assert standing.estimated
    assert standing.ahead_in_flow == 1


def test_a_job_that_waits_for_its_time_says_which(genq: Harness) -> None:
    standing = place(genq, genq.submit(run_at=3600.0))

    assert standing.until is not None
    assert standing.low is not None
    assert 3500 < standing.low <= 3600
    assert standing.high is None
    assert standing.ahead_in_lane is None


def test_a_released_job_is_next(genq: Harness) -> None:
    job = genq.submit()
    genq.release()

    assert place(genq, job) == QueuePlace(0, 0, low=0.0, high=5.0)


def test_a_job_that_has_ended_has_no_place(genq: Harness) -> None:
    job = genq.submit()
    genq.run_until_idle()
    ended = genq.job(job)

    assert genq.in_transaction(lambda c: place_of(c, ended, genq.settings)) is None


@pytest.mark.parametrize(
    ("statement", "reason", "known_end"),
    [
        (
            "UPDATE flow SET parked_until = now() + '9 s', park_reason = 1",
            "tenant_limit",
            False,
        ),
        ("UPDATE flow SET parked_until = now() + '9 s', park_reason = 2", "rate_limit", True),
        ("UPDATE flow SET parked_until = now() + '9 s', park_reason = 3", "rate_limit", True),
        ("UPDATE flow SET parked_until = now() + '9 s', park_reason = 4", "paused", False),
        ("UPDATE lane_clock SET paused_at = now()", "paused", False),
        ("UPDATE tenant SET paused_at = now()", "paused", False),
        ("UPDATE pool SET paused_at = now()", "paused", False),
        ("UPDATE session SET draining = true", "no_worker", False),
        ("UPDATE flow SET vtime = vtime", "lane", False),
    ],
)
def test_why_a_job_waits_and_until_when(
    genq: Harness, statement: str, reason: str, known_end: bool
) -> None:
    job = genq.submit()
    genq.in_transaction(lambda c: add_served(c, RATE))
    genq.sql(statement)

    assert genq.job(job).waiting_on == reason
    standing = place(genq, job)
    assert (standing.until is not None) == known_end
    assert (standing.low is None) == (reason in {"paused", "no_worker"})
    if known_end:
        assert standing.low is not None
        assert standing.low > 5


def test_a_model_whose_servers_are_closed_is_waited_for_until_the_first_opens(
    genq: Harness,
) -> None:
    job = genq.submit()
    genq.sql("UPDATE flow SET parked_until = now() + interval '1 minute', park_reason = 3")
    genq.sql(CLOSED)

    assert genq.job(job).model == MODEL
    assert (place(genq, job).low or 0) > 3500


CLOSED = (
    "INSERT INTO limiter (key, emission, burst, closed_until)"
    " VALUES ('server:painter', '1 s', 1, now() + interval '1 hour')"
)


@pytest.mark.parametrize("measured", [False, True])
def test_a_job_says_that_its_model_is_closed_though_nothing_is_parked(
    genq: Harness, measured: bool
) -> None:
    shown = genq.submit()
    if measured:
        genq.in_transaction(lambda c: add_served(c, RATE))
    genq.sql(CLOSED)
    assert genq.release() == []
    (flow,) = genq.sql("SELECT parked_until FROM flow")
    (limiter,) = genq.sql("SELECT closed_until FROM limiter WHERE key = 'server:painter'")
    job = genq.job(shown)

    told = genq.in_transaction(lambda c: placed(c, job, genq.settings))

    assert flow.parked_until is None
    assert (job.waiting_on, told.waiting_on) == ("lane", "rate_limit")
    assert told.queue is not None
    assert told.queue.until is not None
    assert timedelta(0) <= told.queue.until - limiter.closed_until < timedelta(seconds=2)
    assert (told.queue.low or 0) > 3590
    assert told.queue.high is None or told.queue.high > 3590


@pytest.mark.parametrize(
    ("statement", "reason"),
    [("UPDATE session SET draining = true", "no_worker"), (CLOSED.replace("+", "-"), "lane")],
    ids=["nobody works", "open again"],
)
def test_a_closed_model_is_named_only_where_it_is_what_holds_the_job_back(
    genq: Harness, statement: str, reason: str
) -> None:
    shown = genq.submit()
    if reason != "lane":
        genq.sql(CLOSED)
    genq.sql(statement)
    job = genq.job(shown)

    told = genq.in_transaction(lambda c: placed(c, job, genq.settings))

    assert told.waiting_on == reason
    assert told.queue is not None
    assert told.queue.until is None


def test_rates_of_several_dispatchers_add_up_and_fade(genq: Harness) -> None:
    for _ in range(2):
        genq.in_transaction(lambda c: add_served(c, RATE))
    (both,) = genq.in_transaction(lambda c: rates_of(c, 2))
    genq.sql("UPDATE service_rate SET measured_at = measured_at - :by", by=HORIZON)
    (faded,) = genq.in_transaction(lambda c: rates_of(c, 2))

    assert both.jobs_per_second == pytest.approx(20, rel=0.01)
    assert both.seconds_per_job == 2.0
    assert faded.jobs_per_second == pytest.approx(20 / 2.718, rel=0.01)


def test_a_rate_that_nobody_measured_for_a_year_is_none(genq: Harness) -> None:
    genq.in_transaction(lambda c: add_served(c, RATE))
    genq.sql("UPDATE service_rate SET measured_at = now() - :by", by=timedelta(days=365))
    (rate,) = genq.in_transaction(lambda c: rates_of(c, 2))
    genq.in_transaction(lambda c: add_served(c, RATE))

    assert rate.jobs_per_second < 1e-9
    assert genq.in_transaction(lambda c: rates_of(c, 2))[0].jobs_per_second > 9


class Scale:
    """200,000 queued jobs: half of a whale, the others of 50,000 tenants."""

    MANY = 100_000
    SMALL = 50_000

    def __init__(self, genq: Harness) -> None:
        self.genq = genq
        genq.silence_workers()
        first = genq.submit(tenant="whale")
        self.whale = genq.tenant("whale").id
        genq.sql(
            "INSERT INTO live (job_id, lane, tenant_id, pool, state, priority)"
            " SELECT uuidv7(), 2, :whale, 1, 2, 5 FROM generate_series(1, :many)",
            whale=self.whale,
            many=self.MANY,
        )
        self.last = genq.submit(tenant="whale")
        genq.sql(
            "INSERT INTO live (job_id, lane, tenant_id, pool, state, priority)"
            " SELECT uuidv7(), 2, 1000000 + n % :small, 1, 2, 5"
            " FROM generate_series(1, :many) AS n",
            small=self.SMALL,
            many=self.MANY,
        )
        genq.sql(
            "INSERT INTO flow (lane, tenant_id, max_inflight)"
            " SELECT 2, 1000000 + n, 100 FROM generate_series(0, :small - 1) n",
            small=self.SMALL,
        )
        self.newcomer = genq.submit(tenant="newcomer")
        self.first = first
        # What another test left, and emptied, is no part of what is measured.
        vacuum(genq, "live", "flow")


def test_a_place_costs_the_same_in_any_backlog(genq: Harness) -> None:
    scale = Scale(genq)
    genq.in_transaction(lambda c: add_served(c, RATE))

    last = place(genq, scale.last, "whale")
    assert last.estimated
    assert last.ahead_in_flow == pytest.approx(scale.MANY, rel=0.5)
    assert last.ahead_in_lane == pytest.approx(2 * scale.MANY, rel=0.5)
    assert place(genq, scale.first, "whale").ahead_in_flow == 0

    read = rows_read(genq, scale.last)
    assert read["scans"] == 0
    assert read["rows"] < 10_000
    newcomer = rows_read(genq, scale.newcomer)
    assert newcomer["scans"] == 0
    assert newcomer["rows"] < 10_000


def rows_read(genq: Harness, job_id: str) -> dict[str, int]:
    """How often a place made PostgreSQL scan a large table, and how many entries it read."""
    counted = (
        "SELECT sum(pg_stat_get_xact_numscans(c.oid)), sum(("
        "SELECT sum(pg_stat_get_xact_tuples_returned(i.indexrelid)) FROM pg_index i"
        " WHERE i.indrelid = c.oid)) FROM pg_class c WHERE c.relname IN ('live', 'flow')"
    )

    async def count(connection: Any) -> dict[str, int]:
        # A session tells of its work once a second: what it did before is counted too.
        before = (await connection.exec_driver_sql(counted)).one()
        await standing_of(connection, parse_id("job", job_id))
        after = (await connection.exec_driver_sql(counted)).one()
        return {"scans": int(after[0] - before[0]), "rows": int(after[1] - before[1])}

    return genq.in_transaction(count)

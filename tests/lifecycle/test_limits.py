"""Limits per time and in number are exact, and what waits for one holds nobody else up."""

from collections import Counter
from datetime import timedelta

from infra.postgres.parks import (
    PARKED_FULL,
    PARKED_PAUSED,
    PARKED_POOL,
    PARKED_RATE,
)
from schemas.generation import Kind
from schemas.lanes import Lane
from schemas.limits import RateLimits
from schemas.model_catalog import ModelServer, ModelSpec
from tests.fixtures.harness import MODEL, Harness


def plan(genq: Harness, tenant: str, **limits: int) -> None:
    genq.tenant(tenant)
    genq.sql(
        "UPDATE tenant SET limits = CAST(:limits AS jsonb) WHERE name = :name",
        limits="{" + ", ".join(f'"{name}": {value}' for name, value in limits.items()) + "}",
        name=tenant,
    )


def serve(genq: Harness, *servers: ModelServer) -> None:
    genq.settings = genq.settings.model_copy(update={"model_servers": servers})


def server(name: str, *models: str, **limits: int) -> ModelServer:
    return ModelServer(
        name=name,
        base_url=f"http://{name}.invalid/v1",
        models=tuple(ModelSpec(name=model, kind=Kind.IMAGE) for model in models),
        limits=RateLimits(**limits),
    )


def submit_for(genq: Harness, model: str, tenant: str = "acme") -> str:
    """Submit for a model that the submitter need not offer: only its pool matters here."""
    job = genq.submit(tenant=tenant)
    genq.sql("INSERT INTO pool (model) VALUES (:m) ON CONFLICT DO NOTHING", m=model)
    genq.sql(
        "UPDATE live SET pool = (SELECT id FROM pool WHERE model = :m)"
        " WHERE job_id = (SELECT max(job_id::text)::uuid FROM live)",
        m=model,
    )
    return job


def released(genq: Harness) -> int:
    genq.release()
    return genq.sql("SELECT count(*) AS n FROM live WHERE state = 3")[0].n


def park_of(genq: Harness, tenant: str) -> int | None:
    return genq.sql(
        "SELECT park_reason FROM flow JOIN tenant t ON t.id = tenant_id WHERE t.name = :name"
        " ORDER BY park_reason",
        name=tenant,
    )[0].park_reason


def finish_all(genq: Harness) -> None:
    genq.sql("DELETE FROM live WHERE state = 3")
    genq.sent.clear()


def test_a_tenants_total_holds_over_all_lanes(genq: Harness) -> None:
    genq.tenant("acme")
    genq.sql("UPDATE tenant SET max_inflight_total = 5")
    for lane in Lane:
        for _ in range(4):
            genq.submit(lane=lane)

    assert released(genq) == 5

    finish_all(genq)
    genq.advance(timedelta(seconds=1))
    genq.reap()
    assert released(genq) == 5


def test_a_tenant_at_its_total_does_not_hold_another_up(genq: Harness) -> None:
    genq.tenant("full")
    genq.sql("UPDATE tenant SET max_inflight_total = 1")
    for _ in range(10):
        genq.submit(tenant="full")
    for _ in range(3):
        genq.submit(tenant="free")

    assert released(genq) == 4
    assert park_of(genq, "full") == PARKED_FULL


def test_a_plan_of_requests_per_minute_is_exact(genq: Harness) -> None:
    plan(genq, "acme", requests_per_minute=6)
    for _ in range(20):
        genq.submit()

    assert released(genq) == 6
    assert park_of(genq, "acme") == PARKED_RATE

    genq.advance(timedelta(seconds=21))
    genq.sql("UPDATE limiter SET tat = tat - interval '21 seconds'")
    genq.reap()
    assert released(genq) == 8


def test_a_plan_of_images_counts_images_and_not_jobs(genq: Harness) -> None:
    plan(genq, "acme", images_per_minute=10)
    for _ in range(5):
        genq.submit()
    genq.sql("UPDATE live SET images = 4")

    assert released(genq) == 2


def test_a_job_above_the_whole_limit_runs_when_nothing_else_does(genq: Harness) -> None:
    plan(genq, "acme", images_per_minute=2)
    for _ in range(3):
        genq.submit()
    genq.sql("UPDATE live SET images = 8")

    assert released(genq) == 1
    # What it used beyond the burst has to pass first: eight images are four minutes.
    for minutes, more in ((3, 0), (1, 1)):
        finish_all(genq)
        genq.sql("UPDATE limiter SET tat = tat - :by", by=timedelta(minutes=minutes))
        genq.advance(timedelta(minutes=minutes))
        genq.reap()
        assert released(genq) == more


def test_a_tenant_that_waits_for_its_plan_holds_nobody_up(genq: Harness) -> None:
    plan(genq, "slow", requests_per_minute=1)
    for _ in range(5):
        genq.submit(tenant="slow")
        genq.submit(tenant="free")

    assert released(genq) == 6


def test_an_account_limits_all_tenants_together(genq: Harness) -> None:
    serve(genq, server("painter", MODEL, requests_per_minute=7))
    for n in range(20):
        genq.submit(tenant=f"tenant-{n % 4}")

    assert released(genq) == 7
    shares = Counter(
        r.tenant_id for r in genq.sql("SELECT tenant_id FROM live WHERE state = 3")
    )
    assert sorted(shares.values()) == [1, 2, 2, 2]


def test_calls_per_second_are_released_two_seconds_ahead_and_no_more(genq: Harness) -> None:
    serve(genq, server("painter", MODEL, requests_per_second=5))
    for _ in range(30):
        genq.submit()

    assert released(genq) == 10
    genq.sql(
        "UPDATE limiter SET tat = tat - interval '1 s',"
        " closed_until = closed_until - interval '1 s'"
    )
    assert released(genq) == 15


def test_a_full_account_does_not_hold_another_models_jobs_up(genq: Harness) -> None:
    serve(genq, server("painter", MODEL, requests_per_minute=2), server("other", "second"))
    for _ in range(6):
        genq.submit()
    for _ in range(3):
        submit_for(genq, "second")

    assert released(genq) == 5


def test_a_closed_server_releases_nothing_and_writes_nothing(genq: Harness) -> None:
    serve(genq, server("painter", MODEL))
    genq.sql(
        "INSERT INTO limiter (key, emission, burst, closed_until)"
        " VALUES ('server:painter', interval '0', 0, now() + interval '20 seconds')"
    )
    genq.submit()

    turn = genq.turn()

    assert turn.released == 0
    assert turn.look_again is not None
    assert 19 < turn.look_again <= 20
    assert park_of(genq, "acme") is None


def test_work_for_an_open_model_wakes_a_flow_that_waits_for_a_closed_one(genq: Harness) -> None:
    serve(genq, server("painter", MODEL), server("other", "second"))
    genq.submit()
    submit_for(genq, "second")
    genq.sql("UPDATE pool SET paused_at = now() WHERE model = 'second'")
    assert released(genq) == 1
    genq.release()
    assert park_of(genq, "acme") == PARKED_POOL

    genq.submit()

    assert released(genq) == 2


def test_a_paused_lane_releases_nothing_and_the_others_go_on(genq: Harness) -> None:
    genq.sql(
        "UPDATE lane_clock SET paused_at = now() WHERE lane = :lane", lane=Lane.FAST.number
    )
    genq.submit()
    genq.submit(lane=Lane.RELAX)

    assert released(genq) == 1
    genq.sql("UPDATE lane_clock SET paused_at = NULL")
    assert released(genq) == 2


def test_a_paused_tenant_waits_and_comes_back(genq: Harness) -> None:
    genq.submit()
    genq.sql("UPDATE tenant SET paused_at = now()")
    assert released(genq) == 0
    assert park_of(genq, "acme") == PARKED_PAUSED

    genq.sql("UPDATE tenant SET paused_at = NULL")
    genq.advance(timedelta(minutes=1))
    genq.reap()
    assert released(genq) == 1


def test_a_lane_keeps_to_its_cap_and_leaves_what_is_reserved(genq: Harness) -> None:
    genq.settings = genq.settings.model_copy(
        update={"lane_caps": {Lane.BATCH: 0.3}, "lane_reserved": {Lane.TURBO: 0.2}}
    )
    genq.silence_workers()
    genq.new_worker(slots=100)
    for lane in (Lane.BATCH, Lane.FAST):
        for _ in range(130):
            genq.submit(lane=lane)
        genq.release()

    lanes = Counter(row.lane for row in genq.sql("SELECT lane FROM live WHERE state = 3"))
    assert lanes[Lane.BATCH.number] == 30
    assert lanes[Lane.FAST.number] == 70
    genq.submit(lane=Lane.TURBO)
    assert released(genq) == 101


def test_every_park_ends(genq: Harness) -> None:
    plan(genq, "slow", requests_per_minute=1)
    for _ in range(3):
        genq.submit(tenant="slow")
    genq.sql("UPDATE tenant SET max_inflight_total = 1 WHERE name = 'slow'")
    genq.release()

    endless = genq.sql(
        "SELECT 1 FROM flow WHERE park_reason IS NOT NULL AND (parked_until IS NULL"
        " OR parked_until > now() + interval '61 seconds')"
    )
    assert endless == []

"""The sampler sees what was broken for a moment only, and is content with a sound system."""

from datetime import timedelta

from infra.clock import SystemClock
from infra.postgres.audits.recorded import late_calls, starts_between
from infra.postgres.audits.rule import Violation, scope_of
from producer.doctor.sampler import Sampler, WatchedLimit
from schemas.ids import parse_id
from tests.fixtures.harness import Harness

MINUTE = timedelta(minutes=1)


def broken(found: list[Violation]) -> set[tuple[int, str]]:
    return {(violation.invariant, violation.id) for violation in found}


def test_weighted_flows_under_load_are_found_sound(genq: Harness) -> None:
    sampler = Sampler(genq._engine, quantum=4)
    genq.silence_workers()
    genq.new_worker(slots=1)
    for tenant, weight in (("a", 1000), ("b", 2000), ("c", 4000)):
        genq.tenant(tenant, weight=weight)
        for _ in range(40):
            genq.submit(tenant=tenant)

    for _ in range(30):
        genq.release()
        genq.do(sampler.look())
        genq.work_one()

    assert sampler.violations() == []
    assert sampler.seen.samples == 30
    assert sampler.seen.releases


def test_a_flow_that_others_overtake_is_seen(genq: Harness) -> None:
    sampler = Sampler(genq._engine, quantum=4)
    genq.silence_workers()
    for tenant in ("a", "b"):
        genq.submit(tenant=tenant)

    for _ in range(30):
        genq.do(sampler.look())
        genq.sql(
            "UPDATE flow SET vtime = vtime + 2 * 1000000000"
            " WHERE tenant_id = (SELECT max(id) FROM tenant)"
        )

    assert broken(sampler.violations()) == {(9, "flow_underserved")}


def test_a_limit_that_was_exceeded_for_a_moment_is_seen(genq: Harness) -> None:
    sampler = Sampler(genq._engine)
    genq.tenant("acme", max_inflight=2)
    for _ in range(3):
        genq.submit()
    genq.release()
    genq.do(sampler.look())
    assert sampler.violations() == []

    genq.sql("UPDATE live SET state = 3")
    genq.do(sampler.look())
    genq.sql("UPDATE live SET state = 2")

    assert broken(sampler.violations()) == {(5, "limit_exceeded_for_a_while")}


def test_a_tenants_limit_over_all_lanes_is_watched_too(genq: Harness) -> None:
    sampler = Sampler(genq._engine)
    for lane in ("fast", "batch"):
        genq.submit(lane=lane)
    genq.sql("UPDATE live SET state = 3")
    genq.sql("UPDATE tenant SET max_inflight_total = 1")
    genq.do(sampler.look())

    (violation,) = sampler.violations()

    assert "in all lanes" in violation.examples[0]


def test_a_fence_that_fell_is_seen(genq: Harness) -> None:
    sampler = Sampler(genq._engine)
    genq.submit()
    genq.release()
    genq.do(sampler.look())
    genq.sql("UPDATE live SET fence = 0")
    genq.do(sampler.look())

    assert broken(sampler.violations()) == {(4, "fence_fell")}


def test_a_rate_is_judged_by_all_releases_seen_or_not(genq: Harness) -> None:
    sampler = Sampler(genq._engine)
    begun = SystemClock().now()
    ours = genq.tenant("acme").id
    limits = [
        WatchedLimit("three", MINUTE / 3, 3, lambda tenant, _: tenant == ours),
        WatchedLimit("two", MINUTE / 2, 2, lambda tenant, _: tenant == ours),
        WatchedLimit("others", MINUTE, 1, lambda tenant, _: tenant != ours),
    ]
    for _ in range(2):
        genq.submit()
    # These come and go between two samples.
    genq.run_until_idle()
    genq.submit()
    genq.release()
    genq.do(sampler.look())
    since = scope_of(genq.settings, begun, MINUTE).since
    starts = genq.in_transaction(
        lambda c: starts_between(c, since, begun - MINUTE, begun + MINUTE)
    )

    (violation,) = sampler.violations(limits, starts)

    assert (violation.invariant, violation.id) == (6, "rate_exceeded")
    assert [example.split(":")[0] for example in violation.examples] == ["two"]


def test_it_samples_by_itself_and_ends_with_its_block(genq: Harness) -> None:
    async def watch() -> int:
        async with Sampler(genq._engine, every=timedelta(milliseconds=1)) as sampler:
            while sampler.seen.samples < 3:
                await sampler.look()
        return sampler.seen.samples

    assert genq.do(watch()) >= 3


def test_a_call_after_a_job_was_cancelled_is_found(genq: Harness) -> None:
    job = parse_id("job", genq.submit())
    other = parse_id("job", genq.submit())
    genq.run_until_idle()
    (ended,) = genq.sql(
        "UPDATE job SET final_state = 13 WHERE id = :id RETURNING finished_at", id=job
    )
    late, early = ended.finished_at + MINUTE, ended.finished_at - MINUTE

    found = genq.in_transaction(lambda c: late_calls(c, {job: [early, late], other: [late]}))
    none = genq.in_transaction(lambda c: late_calls(c, {job: [early], other: [late]}))

    assert (found, none) == ([job], [])

"""A tenant's plan is changed for the next release: nothing waits by the old one."""

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import text

from infra.doorbells import Doorbells
from infra.postgres.engine import transaction
from infra.postgres.parks import PARKED_FULL, PARKED_PAUSED, PARKED_RATE
from infra.postgres.tenant_plans import list_plans
from producer.operator import plans
from producer.operator.plans import Changed, Standing
from schemas.errors import NotFoundError
from schemas.lanes import Lane
from schemas.tenant_plan import PlanChange
from tests.fixtures.harness import Harness

PARK = text(
    f"UPDATE flow SET parked_until = now() + interval '1 minute', park_reason = {PARKED_RATE}"
)


def change(genq: Harness, tenant: str = "acme", **wanted: int | None) -> Changed:
    return ask(genq, tenant, PlanChange.model_validate(wanted))


def ask(genq: Harness, tenant: str, wanted: PlanChange) -> Changed:
    return genq.do(plans.change(genq._engine, genq._doorbells, tenant, wanted))


def look(genq: Harness, tenant: str = "acme") -> Standing:
    return genq.in_transaction(lambda c: plans.look(c, tenant))


def submit(genq: Harness, jobs: int, **request: str) -> None:
    for _ in range(jobs):
        genq.submit(**request)


def released(genq: Harness) -> int:
    genq.release()
    return genq.sql("SELECT count(*) AS n FROM live WHERE state = 3")[0].n


def pass_time(genq: Harness, by: timedelta) -> None:
    genq.sql("UPDATE limiter SET tat = tat - :by", by=by)
    genq.advance(by)
    genq.reap()


def test_a_raised_limit_of_a_lane_releases_what_waited_for_the_old_one(genq: Harness) -> None:
    genq.tenant("acme", max_inflight=2)
    submit(genq, 5)
    assert released(genq) == 2
    assert look(genq).lanes[1].park_reason == PARKED_FULL

    change(genq, max_inflight=4)

    assert released(genq) == 4


def test_a_lowered_limit_stops_nothing_and_holds_from_the_next_release_on(
    genq: Harness,
) -> None:
    submit(genq, 4)
    assert released(genq) == 4
    submit(genq, 4)

    change(genq, max_inflight=3)

    assert released(genq) == 4
    genq.sql("DELETE FROM live WHERE state = 3")
    change(genq)
    assert released(genq) == 3


def test_a_total_over_all_lanes_is_set_raised_and_removed(genq: Harness) -> None:
    genq.tenant("acme")
    change(genq, max_inflight_total=3)
    for lane in Lane:
        submit(genq, 2, lane=lane)
    assert released(genq) == 3

    change(genq, max_inflight_total=5)
    assert released(genq) == 5

    change(genq, max_inflight_total=None)
    assert released(genq) == 8


@pytest.mark.parametrize(
    ("few", "more"),
    [
        (PlanChange(requests_per_minute=6), PlanChange(requests_per_minute=30)),
        (PlanChange(images_per_minute=6), PlanChange(images_per_minute=30)),
    ],
)
def test_a_raised_rate_gives_the_difference_at_once(
    genq: Harness, few: PlanChange, more: PlanChange
) -> None:
    genq.tenant("acme")
    ask(genq, "acme", few)
    submit(genq, 40)
    assert released(genq) == 6
    assert look(genq).lanes[1].park_reason == PARKED_RATE

    ask(genq, "acme", more)

    assert released(genq) == 30


def test_a_lowered_rate_is_paid_off_within_a_minute_of_its_own(genq: Harness) -> None:
    genq.tenant("acme")
    change(genq, requests_per_minute=600)
    submit(genq, 60)
    assert released(genq) == 60
    submit(genq, 20)

    change(genq, requests_per_minute=6)
    assert released(genq) == 60
    genq.sql("DELETE FROM live WHERE state = 3")

    # Not the ten minutes that sixty jobs would take at this rate.
    pass_time(genq, timedelta(seconds=61))
    assert released(genq) == 6


def test_a_removed_rate_releases_all_that_waited_for_it(genq: Harness) -> None:
    genq.tenant("acme")
    change(genq, requests_per_minute=2, images_per_minute=3)
    submit(genq, 10)
    assert released(genq) == 2

    change(genq, requests_per_minute=None)
    assert released(genq) == 3

    assert change(genq, images_per_minute=None).plan.limits == {}
    assert released(genq) == 10


def test_a_new_weight_counts_from_the_next_release_on(genq: Harness) -> None:
    genq.silence_workers()
    genq.new_worker(slots=25)
    for tenant in ("plain", "heavy"):
        submit(genq, 60, tenant=tenant)
    genq.release()
    genq.sql("DELETE FROM live WHERE state = 3")

    change(genq, "heavy", weight=4000)
    genq.release()

    ids = {genq.tenant(name).id: name for name in ("plain", "heavy")}
    rows = genq.sql("SELECT tenant_id FROM live WHERE state = 3")
    shares = Counter(ids[row.tenant_id] for row in rows)
    assert (shares["plain"], shares["heavy"]) == (6, 24)


def test_a_flow_that_is_parked_behind_a_change_is_let_go_too(genq: Harness) -> None:
    genq.tenant("acme")
    change(genq, requests_per_minute=1)
    submit(genq, 3)
    assert released(genq) == 1

    class LateDispatcher(Doorbells):
        """Read the plan before it was changed, and parks the flow after that."""

        async def ring(self, channel: str, message: str = "") -> None:
            rung.append(message)
            if len(rung) > 1:
                return
            async with transaction(genq._engine) as connection:
                await connection.execute(PARK)

    rung: list[str] = []
    bells = LateDispatcher(genq.settings.doorbell_url())
    wanted = PlanChange(requests_per_minute=3)
    genq.do(plans.change(genq._engine, bells, "acme", wanted))
    genq.do(bells.close())

    assert len(rung) == 2
    assert released(genq) == 3


def test_a_change_of_one_tenant_lets_no_other_and_no_paused_one_go(genq: Harness) -> None:
    for tenant in ("acme", "other", "held"):
        genq.tenant(tenant, max_inflight=1)
        submit(genq, 3, tenant=tenant)
    genq.sql("UPDATE tenant SET paused_at = now() WHERE name = 'held'")
    assert released(genq) == 2

    change(genq, max_inflight=2)
    change(genq, "held", max_inflight=2)

    assert released(genq) == 3
    parked = genq.sql(
        "SELECT t.name, f.park_reason FROM flow f JOIN tenant t ON t.id = f.tenant_id"
        " WHERE f.parked_until IS NOT NULL AND t.name <> 'acme' ORDER BY t.name"
    )
    assert [tuple(row) for row in parked] == [("held", PARKED_PAUSED), ("other", PARKED_FULL)]


def test_what_is_not_named_stays_and_what_changed_is_told(genq: Harness) -> None:
    genq.tenant("acme", max_inflight=7)
    change(genq, weight=2000, images_per_minute=5, tokens_per_minute=9)

    done = change(genq, weight=2000, images_per_minute=None, max_inflight_total=3)

    assert done.fields == {"images_per_minute": (5, None), "max_inflight_total": (None, 3)}
    assert not done.created
    kept = look(genq).plan
    assert (kept.weight, kept.max_inflight, kept.max_inflight_total) == (2000, 7, 3)
    assert kept.limits == {"tokens_per_minute": 9}


def test_a_tenant_is_made_only_if_asked_for(genq: Harness) -> None:
    wanted = PlanChange(weight=500)
    with pytest.raises(NotFoundError, match=r"--create"):
        genq.do(plans.change(genq._engine, genq._doorbells, "new", wanted))

    made = [
        genq.do(plans.change(genq._engine, genq._doorbells, "new", wanted, create_with=8))
        for _ in range(2)
    ]

    assert [one.created for one in made] == [True, False]
    assert (made[0].plan.weight, made[0].plan.max_inflight) == (500, 8)


def test_a_look_tells_what_waits_why_and_what_is_left(genq: Harness) -> None:
    genq.tenant("acme")
    change(genq, requests_per_minute=3, images_per_minute=100)
    submit(genq, 5)
    submit(genq, 2, lane=Lane.BATCH)
    assert released(genq) == 3

    seen = look(genq)

    assert seen.plan.inflight == 3
    lanes = {lane.lane: lane for lane in seen.lanes}
    waiting = {lane: one.waiting + one.inflight for lane, one in lanes.items()}
    assert waiting == {Lane.TURBO: 0, Lane.FAST: 5, Lane.RELAX: 0, Lane.BATCH: 2}
    assert {one.park_reason for one in seen.lanes if one.waiting} == {PARKED_RATE}
    assert all(one.parked_until for one in seen.lanes if one.waiting)
    requests, images = seen.left["requests_per_minute"], seen.left["images_per_minute"]
    assert (requests.units, images.units) == (0, 97)
    assert requests.full_at is not None


def test_tenants_are_listed_by_name_page_by_page(genq: Harness) -> None:
    for name in ("acme", "ace", "b%", "zoo"):
        genq.tenant(name)

    def names(prefix: str = "", after: str = "", limit: int = 9) -> list[str]:
        found = genq.in_transaction(
            lambda c: list_plans(c, prefix=prefix, after=after, limit=limit)
        )
        return [plan.name for plan in found]

    assert names(limit=2) == ["ace", "acme"]
    assert names(after="acme") == ["b%", "zoo"]
    assert (names(prefix="ac"), names(prefix="b%"), names(prefix="%")) == (
        ["ace", "acme"],
        ["b%"],
        [],
    )

"""Fair shares among the tenants of a lane, by virtual time."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from infra.postgres.release import VTIME_SCALE, LockedFlow, Quota
from producer.dispatcher.fair_share import choose

STEP: Final = VTIME_SCALE // 1000
"""What one job moves a flow of the ordinary weight."""

weights = st.sampled_from([1, 500, 1000, 2000, 3000, 100_000])
flow_lists = st.lists(
    st.builds(
        LockedFlow,
        tenant_id=st.integers(1, 10**6),
        weight=weights,
        max_inflight=st.integers(1, 50),
        vtime=st.integers(0, 20 * STEP),
    ),
    max_size=20,
    unique_by=lambda flow: flow.tenant_id,
)
budgets = st.integers(0, 300)
clocks = st.integers(0, 20 * STEP)


def flow(
    tenant_id: int, *, weight: int = 1000, limit: int = 10**6, vtime: int = 0
) -> LockedFlow:
    return LockedFlow(tenant_id, weight, limit, vtime)


def jobs(quotas: Sequence[Quota]) -> dict[int, int]:
    return {quota.flow.tenant_id: quota.jobs for quota in quotas}


def serve(
    flows: Sequence[LockedFlow], *, turns: int, budget: int, clock: int = 0
) -> Counter[int]:
    """Take turns over flows that never run dry, as the release statement advances them."""
    served: Counter[int] = Counter()
    for _ in range(turns):
        quotas = choose(flows, budget, clock=clock)
        moved = {
            quota.flow.tenant_id: replace(
                quota.flow,
                vtime=max(quota.flow.vtime, clock)
                + quota.jobs * (VTIME_SCALE // quota.flow.weight),
            )
            for quota in quotas
        }
        last_start = max(
            moved[q.flow.tenant_id].vtime - VTIME_SCALE // q.flow.weight for q in quotas
        )
        clock = max(clock, last_start)
        flows = [moved.get(one.tenant_id, one) for one in flows]
        served.update(jobs(quotas))
    return served


@given(flow_lists, budgets, clocks)
def test_never_more_is_given_than_the_budget_or_a_tenants_limit(
    flows: list[LockedFlow], budget: int, clock: int
) -> None:
    quotas = choose(flows, budget, clock=clock)

    assert sum(quota.jobs for quota in quotas) <= budget
    assert all(1 <= quota.jobs <= quota.flow.max_inflight for quota in quotas)
    assert len(jobs(quotas)) == len(quotas)
    assert {quota.flow for quota in quotas} <= set(flows)


@given(flow_lists, budgets, clocks)
def test_no_slot_stays_empty_while_somebody_may_have_it(
    flows: list[LockedFlow], budget: int, clock: int
) -> None:
    quotas = choose(flows, budget, clock=clock)

    possible = sum(flow.max_inflight for flow in flows)
    assert sum(quota.jobs for quota in quotas) == min(budget, possible)


@given(flow_lists, budgets, clocks)
def test_nobody_is_served_while_somebody_further_behind_is_not(
    flows: list[LockedFlow], budget: int, clock: int
) -> None:
    given_ = jobs(choose(flows, budget, clock=clock))

    last_starts = [
        max(one.vtime, clock) + (given_[one.tenant_id] - 1) * (VTIME_SCALE // one.weight)
        for one in flows
        if one.tenant_id in given_
    ]
    hungry = [
        max(one.vtime, clock) + given_.get(one.tenant_id, 0) * (VTIME_SCALE // one.weight)
        for one in flows
        if given_.get(one.tenant_id, 0) < one.max_inflight
    ]
    assert not last_starts or not hungry or max(last_starts) <= min(hungry)


@given(st.lists(weights, min_size=1, max_size=6), st.integers(1, 40), st.integers(1, 30))
def test_over_a_long_run_shares_follow_the_weights_within_one_job(
    shares: list[int], turns: int, budget: int
) -> None:
    flows = [flow(number, weight=weight) for number, weight in enumerate(shares)]

    served = serve(flows, turns=turns, budget=budget)

    # In virtual time: nobody is further ahead of another than by one job of the two.
    times = {one.tenant_id: served[one.tenant_id] / one.weight for one in flows}
    for one in flows:
        for other in flows:
            ahead = times[one.tenant_id] - times[other.tenant_id]
            assert ahead <= 1 / one.weight + 1e-6


def test_two_to_one_is_two_to_one_in_every_turn() -> None:
    flows = [flow(1, weight=1000), flow(2, weight=2000)]

    assert jobs(choose(flows, 30, clock=0)) == {1: 10, 2: 20}


def test_a_tenant_that_rested_has_no_credit() -> None:
    rested, busy = flow(1, vtime=0), flow(2, vtime=50 * STEP)

    assert jobs(choose([rested, busy], 10, clock=50 * STEP)) == {1: 5, 2: 5}


def test_a_newcomer_is_served_before_a_tenant_that_is_ahead() -> None:
    newcomer, ahead = flow(1, vtime=0), flow(2, vtime=3 * STEP)

    assert jobs(choose([ahead, newcomer], 3, clock=0)) == {1: 3}


def test_what_a_tenant_may_not_take_goes_to_the_others() -> None:
    assert jobs(choose([flow(1, limit=2), flow(2)], 10, clock=0)) == {1: 2, 2: 8}


def test_without_flows_or_budget_nothing_is_given() -> None:
    assert choose([], 10, clock=0) == []
    assert choose([flow(1)], 0, clock=0) == []
    assert choose([flow(1)], -3, clock=0) == []

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from infra.new_ids import new_key
from infra.postgres.due_lanes import Trust
from schemas.webhooks import Breaker
from tests.fixtures.held_lanes import (
    AT,
    FAILED,
    OWED,
    PROVEN,
    SOON,
    begin,
    end_one,
    fill,
    lane_of,
    numbers,
)
from worker.delivery.held_lane import HeldLane
from worker.delivery.lane_state import LaneState
from worker.delivery.lanes import AHEAD, Lanes
from worker.delivery.turns import Kind, Places


def test_a_lane_fills_its_own_window_and_no_more() -> None:
    lanes = Lanes(Places())
    for number in (1, 2):
        fill(lanes, lane_of(number, size=number), 9)
    assert numbers(begin(lanes)) == {1: 1, 2: 2}


def test_lanes_take_turns_where_there_are_fewer_places() -> None:
    lanes = Lanes(Places(most=7))
    for number in (1, 2, 3):
        fill(lanes, lane_of(number, tenant=number, size=8), 2 if number == 2 else 9)
    assert numbers(begin(lanes)) == {1: 3, 2: 2, 3: 2}


def test_a_tenant_with_many_lanes_leaves_the_others_their_places() -> None:
    lanes = Lanes(Places(most=20, per_tenant=10))
    for number in range(50):
        fill(lanes, lane_of(number, tenant=1), 4)
    fill(lanes, lane_of(99, tenant=2), 4)
    begun = begin(lanes)
    assert Counter(lane.tenant_id for lane, _ in begun) == {1: 10, 2: 4}
    assert lanes.turns.full() == {(1, Trust.PROVEN)}


def test_nothing_begins_when_the_lease_is_over_or_the_lane_is_lost() -> None:
    lanes = Lanes(Places())
    lane = lane_of(1)
    fill(lanes, lane, 2)
    assert begin(lanes, now=lane.ends_at) == []
    lanes.turns.offer(lane)
    lanes.lose(lane)
    lanes.turns.offer(lane)
    assert begin(lanes) == []
    assert lane.held == {}


def test_only_a_quick_receiver_that_takes_things_is_fetched_for_ahead() -> None:
    lanes = Lanes(Places())
    for number, (quick, state) in enumerate([(True, PROVEN), (False, PROVEN), (True, FAILED)]):
        lane = lane_of(number, state=state)
        lane.quick = quick
        lanes.own(lane)
    wants = {want.lane_id: want.live for want in lanes.wants(at=AT, refill=False)}
    assert wants == {0: 4 + AHEAD, 1: 4, 2: 4}


def test_a_look_asks_for_no_more_than_it_may_and_for_each_lane_in_turn() -> None:
    lanes = Lanes(Places())
    for number in range(6):
        lanes.own(lane_of(number))
    first = [want.lane_id for want in lanes.wants(most=10, at=AT, refill=False)]
    second = [want.lane_id for want in lanes.wants(most=10, at=AT, refill=False)]
    assert (first, second) == ([0, 1, 2], [3, 4, 5])


def test_bodies_that_wait_are_bounded() -> None:
    lanes = Lanes(Places())
    large = replace(OWED, body=b"x" * 20_000)
    waiting = 0
    for number in range(100):
        lane = lane_of(number)
        lane.quick = True
        lanes.own(lane)
        for want in lanes.wants(at=AT, refill=False):
            owned = lanes.get(want.lane_id)
            assert owned is not None
            lanes.add(owned, [replace(large, id=new_key()) for _ in range(want.live)], now=0)
            waiting += 20_000 * want.live
    # What is ahead, and the windows of the others.
    assert 16 << 20 <= waiting < 30 << 20


def test_a_lane_is_let_go_when_it_is_idle_blocked_or_disabled_and_holds_nothing() -> None:
    lanes = Lanes(Places())
    busy, idle, blocked, disabled, young = (lane_of(number) for number in range(5))
    for lane in (busy, idle, blocked, disabled, young):
        lanes.own(lane)
    fill(lanes, busy, 1)
    busy.idle_since = idle.idle_since = 1.0
    blocked.state = replace(PROVEN, blocked_until=SOON)
    disabled.destination = replace(disabled.destination, disabled=True)
    spent = lanes.spent(AT, idle_before=2.0)
    assert spent == [idle, blocked, disabled]


def test_of_a_held_back_lane_only_what_is_asked_for_by_hand_is_fetched() -> None:
    lanes = Lanes(Places())
    waits, opened, disabled = (lane_of(number) for number in range(3))
    waits.state = replace(PROVEN, blocked_until=SOON)
    opened.state = replace(FAILED, breaker=Breaker.OPEN, blocked_until=SOON)
    disabled.destination = replace(disabled.destination, disabled=True)
    for lane in (waits, opened, disabled):
        lanes.own(lane)
    assert lanes.wants(at=AT, refill=False) == []
    assert lanes.wanted_by_hand(AT, disabled=False) == [opened.id]
    assert lanes.wanted_by_hand(AT, disabled=True) == [disabled.id]


_plays = st.lists(
    st.tuples(
        st.integers(0, 5), st.integers(0, 9), st.sampled_from([PROVEN, FAILED, LaneState()])
    ),
    max_size=60,
)


@given(_plays, st.integers(1, 9), st.integers(1, 9), st.integers(1, 5))
def test_no_bound_is_ever_passed_and_everything_begins_in_the_end(
    plays: list[tuple[int, int, LaneState]], most: int, per_tenant: int, unproven: int
) -> None:
    places = Places(most, per_tenant, unproven, first=2)
    lanes = Lanes(places)
    known = {number: lane_of(number, tenant=number % 2, size=3) for number in range(6)}
    running: list[tuple[HeldLane, Kind]] = []
    ended = 0
    for number, n, state in plays:
        lane = known[number]
        lane.state = state
        fill(lanes, lane, n)
        running += begin(lanes)
        assert len(running) <= most
        kinds = Counter(place for _, place in running)
        assert all(kinds[kind] <= places.of_all(kind) for kind in Kind)
        both = Counter((lane.tenant_id, place) for lane, place in running)
        assert all(n <= places.of_tenant(kind) for (_, kind), n in both.items())
        assert max(Counter(lane.id for lane, _ in running).values(), default=0) <= 3
        of_tenants = Counter(lane.tenant_id for lane, _ in running)
        assert max(of_tenants.values(), default=0) <= per_tenant
        ended += end_one(lanes, running)
    while running:
        ended += end_one(lanes, running)
    assert ended == sum(n for _, n, _ in plays)

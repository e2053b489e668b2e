"""Who hangs takes no place of those that answer, nor of those that are new."""

from collections import Counter

from infra.postgres.due_lanes import Trust
from tests.fixtures.held_lanes import FAILED, PROVEN, begin, fill, lane_of, numbers
from worker.delivery.lane_state import LaneState
from worker.delivery.lanes import Lanes
from worker.delivery.turns import Kind, Places

UNTRIED = LaneState()


def test_lanes_that_fail_leave_places_to_those_that_do_not() -> None:
    lanes = Lanes(Places(most=20, per_tenant=20, unproven=5))
    for number in range(10):
        fill(lanes, lane_of(number, tenant=number, state=FAILED), 4)
    assert len(begin(lanes)) == 5
    assert lanes.turns.crowded() == {Trust.FAILING}
    fill(lanes, lane_of(99, tenant=99), 4)
    assert numbers(begin(lanes)) == {99: 4}


def test_lanes_that_hang_never_take_the_place_of_one_that_was_never_tried() -> None:
    lanes = Lanes(Places(most=20, per_tenant=20, unproven=5, first=2))
    for number in range(10):
        fill(lanes, lane_of(number, tenant=number, state=FAILED), 4)
    assert len(begin(lanes)) == 5
    new = lane_of(99, tenant=99, state=UNTRIED)
    fill(lanes, new, 4)
    # One request tells whether it answers; the others wait with those that do not.
    [(begun, place)] = begin(lanes)
    assert (begun, place) == (new, Kind.FIRST)
    lanes.turns.end(new, place)
    new.state = PROVEN
    lanes.turns.offer(new)
    assert numbers(begin(lanes)) == {99: 3}


def test_a_lane_that_was_never_tried_fills_its_window_where_there_is_room() -> None:
    lanes = Lanes(Places())
    fill(lanes, lane_of(1, state=UNTRIED), 9)
    assert numbers(begin(lanes)) == {1: 4}


def test_a_flood_of_lanes_that_were_never_tried_does_not_take_every_place() -> None:
    lanes = Lanes(Places(most=30, per_tenant=30, unproven=5, first=4))
    for number in range(40):
        fill(lanes, lane_of(number, tenant=number, state=UNTRIED), 1)
    assert len(begin(lanes)) == 9
    assert lanes.turns.crowded() == {Trust.UNTRIED}
    fill(lanes, lane_of(99, tenant=99), 4)
    assert numbers(begin(lanes)) == {99: 4}


def test_while_the_new_lanes_of_eight_tenants_hang_one_of_a_ninth_is_tried() -> None:
    lanes = Lanes(Places())
    for tenant in range(1, 9):
        for number in range(250):
            fill(lanes, lane_of(1000 * tenant + number, tenant=tenant, state=UNTRIED), 1)
        begin(lanes)
    new = lane_of(99, tenant=99, state=UNTRIED)
    fill(lanes, new, 1)
    assert begin(lanes) == [(new, Kind.FIRST)]


def test_a_tenant_whose_lanes_are_new_leaves_places_to_the_new_lanes_of_others() -> None:
    lanes = Lanes(Places(most=50, per_tenant=10, unproven=10, first=5))
    for number in range(40):
        fill(lanes, lane_of(number, tenant=1, state=UNTRIED), 1)
    assert len(begin(lanes)) == 8
    fill(lanes, lane_of(99, tenant=99, state=UNTRIED), 1)
    assert numbers(begin(lanes)) == {99: 1}


def test_within_one_tenant_lanes_that_hang_hold_back_neither_healthy_nor_new_ones() -> None:
    lanes = Lanes(Places(per_tenant=10))
    for number in range(40):
        fill(lanes, lane_of(number, state=FAILED), 4)
    assert len(begin(lanes)) == 6
    fill(lanes, lane_of(98), 1)
    fill(lanes, lane_of(99, state=UNTRIED), 1)
    assert numbers(begin(lanes)) == {98: 1, 99: 1}


def test_only_lanes_that_could_not_be_served_are_not_leased() -> None:
    lanes = Lanes(Places(per_tenant=10, unproven=100))
    for number in range(12):
        fill(lanes, lane_of(number, state=FAILED), 9)
    begin(lanes)
    assert lanes.turns.full() == {(1, Trust.FAILING)}
    assert lanes.turns.crowded() == set()


def test_lines_and_tenants_take_turns() -> None:
    lanes = Lanes(Places(most=12))
    for tenant in (1, 2):
        for number, state in enumerate((PROVEN, UNTRIED, FAILED)):
            fill(lanes, lane_of(10 * tenant + number, tenant=tenant, state=state, size=9), 9)
    served = numbers(begin(lanes))
    # Beyond its first request a lane that was never tried stands with those that fail.
    assert Counter(n % 10 for n in served.elements()) == {0: 5, 1: 4, 2: 3}
    of_tenants = Counter(n // 10 for n in served.elements())
    assert abs(of_tenants[1] - of_tenants[2]) <= 2

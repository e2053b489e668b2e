"""Shares of the lanes: by weight while all have work, to the others when one has none."""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from producer.dispatcher.lane_budget import (
    CREDIT,
    STRIDE,
    LaneDemand,
    share,
    stride_of,
    turn_floor,
)
from schemas.lanes import DEFAULT_WEIGHTS, Lane

PLENTY: Final = 10**6

weights_ = st.fixed_dictionaries({lane: st.integers(1, 1000) for lane in Lane})
small_weights = st.fixed_dictionaries({lane: st.integers(1, 20) for lane in Lane})
turns_ = st.integers(0, 10 * CREDIT)
demand_lists = st.lists(
    st.builds(LaneDemand, st.sampled_from(Lane), turns_, st.integers(-5, 200)),
    max_size=4,
    unique_by=lambda demand: demand.lane,
)
windows = st.integers(-5, 600)


class Rotation:
    """Turns of lanes as PostgreSQL keeps them between one division and the next."""

    def __init__(self, weights: Mapping[Lane, int]) -> None:
        self.weights = weights
        self.turns = dict.fromkeys(Lane, 0)
        self.served: Counter[Lane] = Counter()

    def serve(self, window: int, lanes: Collection[Lane] = tuple(Lane)) -> dict[Lane, int]:
        floor = turn_floor(list(self.turns.values()))
        given_ = share(
            [LaneDemand(lane, self.turns[lane], PLENTY) for lane in lanes],
            self.weights,
            window,
            floor=floor,
        )
        for lane, jobs in given_.items():
            cost = jobs * stride_of(lane, self.weights)
            self.turns[lane] = max(self.turns[lane], floor) + cost
        self.served.update(given_)
        return given_


@given(demand_lists, weights_, windows)
def test_never_more_is_given_than_the_window_or_a_lanes_room(
    demands: list[LaneDemand], weights: dict[Lane, int], window: int
) -> None:
    floor = turn_floor([demand.turn for demand in demands])

    given_ = share(demands, weights, window, floor=floor)

    rooms = {demand.lane: demand.room for demand in demands}
    assert sum(given_.values()) <= max(0, window)
    assert all(0 < jobs <= rooms[lane] for lane, jobs in given_.items())


@given(demand_lists, weights_, windows)
def test_no_slot_stays_empty_while_a_lane_has_room(
    demands: list[LaneDemand], weights: dict[Lane, int], window: int
) -> None:
    floor = turn_floor([demand.turn for demand in demands])

    given_ = share(demands, weights, window, floor=floor)

    room = sum(max(0, demand.room) for demand in demands)
    assert sum(given_.values()) == min(max(0, window), room)


@given(small_weights, st.lists(st.integers(1, 60), min_size=1, max_size=60))
def test_over_a_long_run_shares_follow_the_weights_within_one_job(
    weights: dict[Lane, int], window_sizes: list[int]
) -> None:
    rotation = Rotation(weights)

    for window in window_sizes:
        rotation.serve(window)

    progress = {lane: rotation.served[lane] / weights[lane] for lane in Lane}
    for lane in Lane:
        for other in Lane:
            # Ahead by one job at most; the stride is a whole number, hence the rest.
            ahead = progress[lane] - progress[other]
            assert ahead <= 1 / weights[lane] + 0.001


@given(st.lists(st.integers(1, 60), min_size=1, max_size=60))
def test_batch_gets_a_fifteenth_of_a_busy_system_at_least(window_sizes: list[int]) -> None:
    rotation = Rotation(DEFAULT_WEIGHTS)

    for window in window_sizes:
        rotation.serve(window)

    total = sum(rotation.served.values())
    assert rotation.served[Lane.BATCH] >= total // 15


def test_fifteen_jobs_are_shared_eight_to_four_to_two_to_one() -> None:
    rotation = Rotation(DEFAULT_WEIGHTS)

    assert rotation.serve(15) == {Lane.TURBO: 8, Lane.FAST: 4, Lane.RELAX: 2, Lane.BATCH: 1}


@given(st.integers(1, 2_000), st.integers(1, 200))
def test_a_lane_that_rested_has_no_credit(busy_for: int, window: int) -> None:
    rotation = Rotation(DEFAULT_WEIGHTS)
    for _ in range(busy_for // 50 + 1):
        rotation.serve(50, [Lane.RELAX])

    given_ = rotation.serve(window, [Lane.TURBO, Lane.RELAX])

    # Its share of this window, and besides it no more than the credit is worth.
    worth = CREDIT // stride_of(Lane.TURBO, DEFAULT_WEIGHTS)
    assert given_.get(Lane.TURBO, 0) <= window * 8 / 10 + worth + 1


@given(st.integers(1, 50), st.sampled_from(Lane))
def test_a_lane_that_had_everything_is_not_made_to_wait_for_long(
    turns: int, alone: Lane
) -> None:
    rotation = Rotation(DEFAULT_WEIGHTS)
    for _ in range(turns):
        rotation.serve(100, [alone])

    later = Counter[Lane]()
    for _ in range(4):
        later.update(rotation.serve(15))

    assert later[alone] >= 1


@given(st.lists(st.sampled_from(Lane), min_size=1, max_size=4, unique=True), st.integers(1, 99))
def test_idle_lanes_leave_their_share_to_the_others(busy: list[Lane], window: int) -> None:
    given_ = Rotation(DEFAULT_WEIGHTS).serve(window, busy)

    assert set(given_) <= set(busy)
    assert sum(given_.values()) == window


def test_among_equals_the_more_urgent_lane_is_first() -> None:
    assert Rotation(DEFAULT_WEIGHTS).serve(1) == {Lane.TURBO: 1}


@given(weights_)
def test_every_job_costs_its_lane_something(weights: dict[Lane, int]) -> None:
    assert all(0 < stride_of(lane, weights) <= STRIDE for lane in Lane)


def test_without_lanes_there_is_nothing_to_share() -> None:
    assert share([], DEFAULT_WEIGHTS, 10, floor=turn_floor([])) == {}

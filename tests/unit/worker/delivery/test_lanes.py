from hypothesis import given
from hypothesis import strategies as st

from infra.postgres.delivery import Lane
from worker.delivery.lanes import Lanes

A, B, C = (Lane(1, f"https://{name}.example:443") for name in "abc")


def test_the_same_origin_of_two_tenants_is_two_lanes() -> None:
    lanes = Lanes(most=100, per_lane=1)
    lanes.start(Lane(1, A.origin))
    assert (lanes.room(Lane(1, A.origin)), lanes.room(Lane(2, A.origin))) == (0, 1)


def test_places_are_shared_one_each_in_turn() -> None:
    lanes = Lanes(most=7, per_lane=8)
    assert lanes.share({A: 100, B: 2, C: 100}) == {A: 3, B: 2, C: 2}


def test_the_first_lanes_are_served_when_there_are_more_lanes_than_places() -> None:
    lanes = Lanes(most=2, per_lane=8)
    assert lanes.share({B: 5, A: 5, C: 5}) == {B: 1, A: 1}


def test_no_lane_gets_more_than_its_room() -> None:
    lanes = Lanes(most=100, per_lane=4)
    for _ in range(3):
        lanes.start(A)
    assert lanes.share({A: 9, B: 9, C: 1}) == {A: 1, B: 4, C: 1}


def test_a_lane_that_is_too_slow_shrinks_to_one_and_grows_again_with_successes() -> None:
    lanes = Lanes(most=100, per_lane=8)
    rooms: list[int] = []
    for in_time in (False, False, False, False, True, None, True, True, True):
        lanes.start(A)
        lanes.end(A, in_time=in_time)
        rooms.append(lanes.room(A))
    assert rooms == [4, 2, 1, 1, 2, 2, 4, 8, 8]


def test_only_a_lane_that_was_full_asks_for_another_look() -> None:
    lanes = Lanes(most=100, per_lane=2)
    lanes.start(A)
    lanes.start(A)
    lanes.start(B)
    assert [lanes.end(lane, in_time=True) for lane in (A, A, B)] == [True, False, False]


def test_every_lane_asks_for_another_look_when_all_places_were_taken() -> None:
    lanes = Lanes(most=2, per_lane=8)
    lanes.start(A)
    lanes.start(B)
    assert lanes.free == 0
    assert lanes.end(A, in_time=True)


_ends = st.lists(
    st.tuples(st.sampled_from([A, B, C]), st.sampled_from([True, False, None])), max_size=80
)


@given(_ends, st.integers(1, 10), st.integers(1, 5))
def test_neither_bound_is_ever_passed_and_every_place_comes_back(
    plays: list[tuple[Lane, bool | None]], most: int, per_lane: int
) -> None:
    lanes = Lanes(most=most, per_lane=per_lane)
    running: list[tuple[Lane, bool | None]] = []
    for lane, in_time in plays:
        if lane in lanes.share({lane: 1}):
            lanes.start(lane)
            running.append((lane, in_time))
        elif running:
            done, how = running.pop(0)
            lanes.end(done, in_time=how)
        assert len(running) <= most
        assert all(sum(ln == lane for ln, _ in running) <= per_lane for lane in (A, B, C))
    for lane, in_time in running:
        lanes.end(lane, in_time=in_time)
    assert lanes.free == most

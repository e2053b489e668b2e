"""Lanes that were let go are looked at again: few at a time, none forgotten."""

from collections import Counter

from worker.delivery.let_go import EVERY_SECONDS, MOST, SECONDS, LetGo


def test_of_many_lanes_each_is_looked_at_again_and_once_more_after_its_time() -> None:
    let_go = LetGo()
    lanes = range(3 * MOST + 7)
    for lane in lanes:
        let_go.add(lane, now=0.0)
    looks = Counter[int]()
    at, late = 0.0, set[int]()
    while at < 3 * SECONDS:
        taken = let_go.take(at)
        assert len(taken) <= MOST
        looks.update(taken)
        late |= {lane for lane in taken if at >= SECONDS}
        at += EVERY_SECONDS
    assert set(looks) == late == set(lanes)
    assert let_go.take(at) == []


def test_looks_keep_their_distance_and_one_that_came_too_soon_is_made_up_for() -> None:
    let_go = LetGo()
    let_go.add(1, now=0.0)
    assert let_go.take(0.0) == [1]
    assert let_go.due_in(0.0) is None
    assert let_go.take(EVERY_SECONDS / 4) == []
    wait = let_go.due_in(EVERY_SECONDS / 4)
    assert wait is not None
    assert let_go.take(EVERY_SECONDS / 4 + wait) == [1]
    assert let_go.due_in(EVERY_SECONDS) is None


def test_a_lane_that_is_ours_again_is_not_looked_at() -> None:
    let_go = LetGo()
    let_go.add(1, now=0.0)
    let_go.discard(1)
    assert let_go.take(0.0) == []

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from infra.new_ids import new_key
from infra.postgres.delivery import Lane, Owed
from schemas.events import OutboxKind
from schemas.webhooks import Trigger
from worker.delivery.lanes import AHEAD, Lanes

A, B, C = (Lane(1, f"https://{name}.example:443") for name in "abc")
OWED = Owed(
    id=UUID(int=1),
    attempt=1,
    failures=0,
    event_id=UUID(int=2),
    job_id=UUID(int=3),
    lane_id=4,
    endpoint_id=None,
    tenant_id=1,
    origin="https://a.example:443",
    url="https://a.example/",
    age=timedelta(),
    event_type="job.succeeded",
    kind=OutboxKind.TERMINAL,
    seq=1999,
    rank=0,
    trigger=Trigger.SCHEDULED,
    body=b"{}",
    thin=None,
)


def lease(lanes: Lanes, due: dict[Lane, int]) -> list[Owed]:
    """Do what a look does: share, lease all of it, and begin what may begin."""
    shares = lanes.share_ahead(due, lanes.share(due))
    owed = [
        replace(OWED, id=new_key(), tenant_id=lane.tenant_id, origin=lane.origin) for lane in shares for _ in range(shares[lane])
    ]
    lanes.add(owed, due=due, shares=shares)
    return begin(lanes, shares)


def begin(lanes: Lanes, which: Iterable[Lane]) -> list[Owed]:
    begun: list[Owed] = []
    for lane in which:
        while (owed := lanes.next_of(lane)) is not None:
            begun.append(owed)
    return begun


def test_the_same_origin_of_two_tenants_is_two_lanes() -> None:
    lanes = Lanes(most=100, per_lane=1)
    lease(lanes, {Lane(1, A.origin): 1})
    assert (lanes.room(Lane(1, A.origin)), lanes.room(Lane(2, A.origin))) == (0, 1)


def test_places_are_shared_one_each_in_turn() -> None:
    lanes = Lanes(most=7, per_lane=8)
    assert lanes.share({A: 100, B: 2, C: 100}) == {A: 3, B: 2, C: 2}


def test_the_first_lanes_are_served_when_there_are_more_lanes_than_places() -> None:
    lanes = Lanes(most=2, per_lane=8)
    assert lanes.share({B: 5, A: 5, C: 5}) == {B: 1, A: 1}


def test_no_lane_gets_more_than_its_room() -> None:
    lanes = Lanes(most=100, per_lane=4)
    lease(lanes, {A: 3})
    assert lanes.share({A: 9, B: 9, C: 1}) == {A: 1, B: 4, C: 1}


def test_a_lane_that_is_too_slow_shrinks_to_one_and_grows_again_with_successes() -> None:
    lanes = Lanes(most=100, per_lane=8)
    rooms: list[int] = []
    for in_time in (False, False, False, False, True, None, True, True, True):
        lease(lanes, {A: 1})
        lanes.end(A, in_time=in_time, quick=False)
        rooms.append(lanes.room(A))
    assert rooms == [4, 2, 1, 1, 2, 2, 4, 8, 8]


def test_only_a_lane_with_more_due_asks_for_another_look() -> None:
    lanes = Lanes(most=100, per_lane=2)
    lease(lanes, {A: 3, B: 2})
    assert [lanes.end(lane, in_time=True, quick=False) for lane in (A, B)] == [True, False]
    # A look that had no room for it, but saw it.
    lease(lanes, {A: 2})
    lease(lanes, {A: 5})
    assert lanes.end(A, in_time=True, quick=False)


def test_every_lane_asks_for_another_look_when_all_places_were_taken() -> None:
    lanes = Lanes(most=2, per_lane=8)
    lease(lanes, {A: 1, B: 1})
    assert lanes.free == 0
    assert lanes.end(A, in_time=True, quick=False)


def test_only_a_quick_lane_is_leased_ahead() -> None:
    lanes = Lanes(most=100, per_lane=2)
    lease(lanes, {A: 100, B: 100})
    lanes.end(A, in_time=True, quick=True)
    lanes.end(B, in_time=True, quick=False)
    due = {A: 100, B: 100}
    assert lanes.share_ahead(due, lanes.share(due)) == {A: 1 + AHEAD, B: 1}


def test_what_was_leased_ahead_begins_as_places_come_free_in_order() -> None:
    lanes = Lanes(most=100, per_lane=1)
    lease(lanes, {A: 1})
    lanes.end(A, in_time=True, quick=True)
    first = lease(lanes, {A: 3})
    assert len(first) == 1
    assert begin(lanes, [A]) == []
    for _ in range(2):
        lanes.end(A, in_time=True, quick=True)
        assert len(begin(lanes, [A])) == 1


def test_a_lane_that_is_no_longer_quick_gives_up_what_cannot_begin() -> None:
    lanes = Lanes(most=100, per_lane=2)
    lease(lanes, {A: 1})
    lanes.end(A, in_time=True, quick=True)
    lease(lanes, {A: 12})
    lanes.end(A, in_time=True, quick=True)
    assert lanes.give_up(A) == []
    assert len(begin(lanes, [A])) == 1
    lanes.end(A, in_time=False, quick=False)
    assert len(lanes.give_up(A)) == 9
    assert begin(lanes, [A]) == []
    assert lanes.give_up_all() == []


_plays = st.lists(
    st.tuples(
        st.sampled_from([A, B, C]),
        st.integers(0, 100),
        st.sampled_from([True, False, None]),
        st.booleans(),
    ),
    max_size=60,
)


@given(_plays, st.integers(1, 10), st.integers(1, 5))
def test_neither_bound_is_ever_passed_and_every_delivery_begins_or_is_given_up(
    plays: list[tuple[Lane, int, bool | None, bool]], most: int, per_lane: int
) -> None:
    lanes = Lanes(most=most, per_lane=per_lane)
    running: list[Owed] = []
    for lane, due, in_time, quick in plays:
        running += lease(lanes, {lane: due, C: 1})
        assert len(running) <= most
        assert max(Counter(one.lane for one in running).values(), default=0) <= per_lane
        if running:
            done = running.pop(0)
            lanes.end(done.lane, in_time=in_time, quick=quick)
            lanes.give_up(done.lane)
            running += begin(lanes, [done.lane])
            assert len(running) <= most
    while running:
        done = running.pop()
        lanes.end(done.lane, in_time=True, quick=True)
        running += begin(lanes, [done.lane])
    assert lanes.give_up_all() == []
    assert lanes.free == most

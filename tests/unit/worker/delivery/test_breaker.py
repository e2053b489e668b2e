import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import chain, cycle, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.receiver import Receiver
from schemas.webhooks import Breaker, Trigger
from worker.delivery.lane_state import (
    LaneState,
    Tried,
    began,
    may_send,
    must_save,
    next_instant,
    room,
    trigger_of,
)
from worker.delivery.lane_step import after
from worker.delivery.schedule import Outcome, Result

NOW = datetime(2026, 11, 20, 10, 0, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
RECEIVER = Receiver(1, 1, None, "https://acme.test")
HEALTHY = LaneState()


@dataclass
class Lane:
    """A lane with an endless backlog, sent one by one, each as early as it may be."""

    answer: Callable[[datetime], Outcome]
    receiver: Receiver = RECEIVER
    state: LaneState = HEALTHY
    at: datetime = NOW
    took: timedelta = timedelta(milliseconds=10)
    sent: list[tuple[datetime, Outcome, LaneState]] = field(
        default_factory=list[tuple[datetime, Outcome, LaneState]]
    )
    steps: int = 0

    def run(self, until: datetime) -> None:
        """Send until then."""
        while (start := next_instant(self.state, self.receiver, at=self.at) or self.at) < until:
            self.at = start
            self.state = began(self.state, self.receiver, at=start)
            outcome = self.answer(start)
            trigger = trigger_of(self.state, Trigger.SCHEDULED)
            self.at += self.took
            step = after(
                self.state,
                self.receiver,
                Result(outcome, self.took),
                Tried(0, timedelta(), trigger),
                at=self.at,
                chance=0.5,
            )
            self.state = step.state
            self.steps += step.decision.failures
            self.sent.append((start, outcome, step.state))
        self.at = until


def turns(outcomes: Iterator[Outcome]) -> Callable[[datetime], Outcome]:
    return lambda _: next(outcomes)


def down(_: datetime) -> Outcome:
    return Outcome.CONNECTION_REFUSED


def test_a_receiver_that_is_down_for_four_hours_is_asked_at_most_60_times() -> None:
    lane = Lane(down)
    lane.run(NOW + 4 * HOUR)
    assert 15 <= len(lane.sent) <= 60
    assert lane.steps == 5
    assert lane.state.breaker is Breaker.OPEN


def test_before_the_breaker_opens_a_failing_lane_goes_slower_and_slower() -> None:
    lane = Lane(down)
    lane.run(NOW + timedelta(minutes=1))
    gaps = [(then - one).total_seconds() for (one, *_), (then, *_) in pairwise(lane.sent)]
    assert [round(gap) for gap in gaps] == [0, 1, 3, 10, 30]
    assert [room(state, RECEIVER) for *_, state in lane.sent] == [4, 1, 1, 1, 1, 1]


def test_probes_come_twice_as_late_each_time_up_to_a_quarter_of_an_hour() -> None:
    lane = Lane(down)
    lane.run(NOW + 2 * HOUR)
    probes = [at for at, *_ in lane.sent[5:]]
    gaps = [round((then - one).total_seconds()) for one, then in pairwise(probes)]
    assert gaps[:7] == [60, 120, 240, 480, 900, 900, 900]


def test_a_burst_of_failures_at_one_moment_alone_does_not_open_the_breaker() -> None:
    state = HEALTHY
    for _ in range(9):
        state = fail(state, at=NOW)
    assert state.breaker is Breaker.CLOSED
    assert fail(state, at=NOW).breaker is Breaker.OPEN  # the tenth attempt in five minutes


def fail(
    state: LaneState, *, at: datetime, outcome: Outcome = Outcome.DISCONNECTED
) -> LaneState:
    tried = Tried(0, timedelta(), trigger_of(state, Trigger.SCHEDULED))
    return after(state, RECEIVER, Result(outcome, SECOND), tried, at=at, chance=0.5).state


def succeed(
    state: LaneState, *, at: datetime = NOW, receiver: Receiver = RECEIVER
) -> LaneState:
    tried = Tried(0, timedelta())
    return after(
        state, receiver, Result(Outcome.SUCCESS, SECOND), tried, at=at, chance=0.5
    ).state


def test_after_a_success_a_lane_grows_1_2_4_to_its_limit() -> None:
    receiver = replace(RECEIVER, max_in_flight=10)
    lane = Lane(down, receiver)
    lane.run(NOW + HOUR)
    state, rooms = lane.state, list[int]()
    for _ in range(5):
        state = succeed(state, receiver=receiver)
        rooms.append(room(state, receiver))
    assert rooms == [1, 2, 4, 8, 10]
    assert (state.breaker, state.in_flight, state.blocked_until) == (Breaker.CLOSED, None, None)
    assert (state.failures, state.failing_since, state.probes) == (0, None, 0)


def test_a_receiver_that_is_too_slow_gets_half_as_much_at_once() -> None:
    state = fail(HEALTHY, at=NOW, outcome=Outcome.TIMEOUT)
    assert room(state, RECEIVER) == 2
    state = succeed(fail(succeed(state), at=NOW, outcome=Outcome.OVERLOAD))
    assert room(state, RECEIVER) == 4


def test_a_receiver_that_flaps_opens_and_closes_its_breaker_for_ever() -> None:
    flapping = [Outcome.HTTP_ERROR] * 4 + [Outcome.SUCCESS]
    lane = Lane(turns(cycle(flapping)))
    lane.run(NOW + 24 * HOUR)
    breakers = [state.breaker for *_, state in lane.sent]
    changes = [
        pair for pair in pairwise(breakers) if Breaker.OPEN in pair and len({*pair}) == 2
    ]
    assert len(changes) > 100
    assert len(lane.sent) < 24 * 3600 / 4


def test_a_receiver_of_which_some_urls_fail_now_and_then_is_not_slowed() -> None:
    mixed = [Outcome.HTTP_ERROR, Outcome.SUCCESS]
    lane = Lane(turns(cycle(mixed)))
    lane.run(NOW + 10 * SECOND)
    assert len(lane.sent) == 1000
    assert lane.state.breaker is Breaker.CLOSED


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_a_receiver_that_refuses_a_part_of_all_at_random_is_hardly_slowed(share: float) -> None:
    chance = random.Random(1)
    at_random = (
        Outcome.HTTP_ERROR if chance.random() < share else Outcome.SUCCESS
        for _ in cycle([None])
    )
    lane = Lane(turns(chain([Outcome.HTTP_ERROR, Outcome.SUCCESS] * 30, at_random)))
    lane.run(NOW + 100 * SECOND)
    # By itself it would be 10,000; a lane that slowed at each pair of failures would have 200.
    assert len(lane.sent) > 1000
    lane.answer = down
    before = len(lane.sent)
    lane.run(NOW + HOUR)
    assert lane.state.breaker is Breaker.OPEN
    assert len(lane.sent) - before <= 40


@given(st.lists(st.sampled_from(Outcome), min_size=1, max_size=30))
@settings(max_examples=40)
def test_whatever_a_receiver_answers_it_is_asked_again_within_an_hour(
    outcomes: list[Outcome],
) -> None:
    lane = Lane(turns(cycle(outcomes)), took=20 * SECOND)
    lane.run(NOW + 2 * HOUR)
    assert all(
        then - one <= HOUR + 40 * SECOND for (one, *_), (then, *_) in pairwise(lane.sent)
    )
    last = lane.sent[-1][0]
    assert NOW + 2 * HOUR - last <= HOUR + 40 * SECOND


def test_by_hand_an_open_breaker_is_passed_one_at_a_time() -> None:
    lane = Lane(down)
    lane.run(NOW + HOUR)
    at = lane.at
    assert not may_send(lane.state, RECEIVER, in_flight=0, at=at)
    assert may_send(lane.state, RECEIVER, in_flight=0, at=at, by_hand=True)
    assert not may_send(lane.state, RECEIVER, in_flight=1, at=at, by_hand=True)
    assert trigger_of(lane.state, Trigger.SCHEDULED) is Trigger.PROBE
    assert trigger_of(lane.state, Trigger.MANUAL) is Trigger.MANUAL
    throttled = replace(RECEIVER, throttle=0.1)
    state = began(lane.state, throttled, at=at)
    assert not may_send(state, throttled, in_flight=0, at=at, by_hand=True)


def test_a_healthy_lane_is_not_written_for_its_deliveries() -> None:
    state = HEALTHY
    for n in range(1000):
        following = succeed(state, at=NOW + n * SECOND)
        assert not must_save(state, following)
        state = following
    assert not must_save(state, fail(state, at=NOW))


def test_what_the_next_owner_must_know_is_written() -> None:
    lane = Lane(down)
    lane.run(NOW + HOUR)
    states = [HEALTHY, *(state for *_, state in lane.sent)]
    written = [must_save(one, then) for one, then in pairwise(states)]
    assert written == [False] + [True] * (len(states) - 2)
    assert must_save(lane.state, succeed(lane.state))
    slow, quick = (replace(RECEIVER, throttle=rate) for rate in (0.01, 100))
    assert must_save(HEALTHY, began(HEALTHY, slow, at=NOW))
    quickly = began(HEALTHY, quick, at=NOW)
    assert not must_save(quickly, began(quickly, quick, at=NOW + SECOND))


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_a_jump_of_the_clock_makes_no_storm_and_no_stall(jump: timedelta) -> None:
    lane = Lane(down)
    lane.run(NOW + HOUR)
    lane.at += jump
    before, begun = len(lane.sent), lane.at
    lane.run(begun + 2 * HOUR)
    assert 4 <= len(lane.sent) - before <= 9

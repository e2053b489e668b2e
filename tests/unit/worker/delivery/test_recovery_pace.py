"""What a recovery sends again stays behind what is live, and never stands still."""

import math
from datetime import UTC, datetime
from itertools import count

from tests.fixtures.held_lanes import begin, fill, lane_of
from worker.delivery.lanes import AHEAD, Lanes
from worker.delivery.recovery_pace import FLOOR, Leave, RecoveryPace
from worker.delivery.turns import Places

USUAL = 0.010
LATE = 0.050


class FakeClock:
    """Stands still until it is set forward."""

    def __init__(self) -> None:
        self.at = 1000.0

    def now(self) -> datetime:
        return datetime(2026, 11, 21, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.at


class Play:
    """A process that has something live a hundred times a second, and a recovery."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.pace = RecoveryPace(self.clock)

    def go(self, seconds: float, *, delay: float | None, most: int = 10_000) -> float:
        """Let time pass; return what was sent again a second."""
        began, sent = self.clock.at, 0
        for n in count(1):
            self.clock.at = began + n / 100
            if delay is not None:
                self.pace.saw_live(delay)
            while sent < most and self.pace.leave() is not Leave.NONE:
                self.pace.began()
                sent += 1
                if self.pace.rate == math.inf:
                    break
            if n / 100 >= seconds:
                return sent / seconds
        raise AssertionError


def test_where_nothing_is_live_it_goes_at_full_speed() -> None:
    play = Play()
    assert play.pace.rate == math.inf
    assert play.pace.ahead(AHEAD) == AHEAD
    play.go(1, delay=None)
    assert play.pace.leave() is Leave.BEHIND


def test_the_first_live_delivery_slows_it_down_at_once() -> None:
    play = Play()
    play.go(1, delay=None)
    play.pace.saw_live(LATE)
    assert play.pace.rate == FLOOR
    assert play.pace.ahead(AHEAD) == FLOOR / 2


def test_it_goes_faster_as_long_as_live_deliveries_are_as_soon_as_ever() -> None:
    play = Play()
    rates = [play.go(10, delay=USUAL) for _ in range(3)]
    assert FLOOR < rates[0] < rates[1] < rates[2]


def test_it_goes_slower_when_live_deliveries_are_later_than_they_lately_were() -> None:
    play = Play()
    before = play.go(30, delay=USUAL)
    play.go(3, delay=LATE)
    assert play.go(1, delay=LATE) < before / 4


def test_however_late_live_deliveries_are_it_makes_progress() -> None:
    play = Play()
    play.go(10, delay=USUAL)
    play.go(5, delay=LATE)
    assert 0.9 * FLOOR <= play.go(20, delay=LATE) <= 1.1 * FLOOR


def test_delays_that_stay_as_they_are_become_usual() -> None:
    play = Play()
    play.go(10, delay=USUAL)
    play.go(70, delay=LATE)
    assert play.go(20, delay=LATE) > 2 * FLOOR


def test_without_a_recovery_live_deliveries_earn_it_nothing() -> None:
    play = Play()
    play.go(60, delay=USUAL, most=0)
    assert play.pace.rate == FLOOR


def test_when_nothing_is_live_any_more_it_is_soon_at_full_speed_again() -> None:
    play = Play()
    play.go(5, delay=LATE)
    play.go(1, delay=None)
    assert play.pace.rate < 5 * FLOOR
    play.go(6, delay=None)
    assert play.pace.rate == math.inf


def test_what_begins_too_late_does_not_come_in_a_burst() -> None:
    play = Play()
    play.go(5, delay=LATE)
    play.go(1.5, delay=None, most=0)
    assert play.go(0.01, delay=LATE) * 0.01 <= 2


def test_a_lane_sends_what_is_live_first_however_much_a_recovery_has_fetched() -> None:
    clock = FakeClock()
    lanes = Lanes(Places(), RecoveryPace(clock))
    lane = lane_of(1, size=4)
    fill(lanes, lane, 50, rank=1)
    fill(lanes, lane, 4)
    lane.more_live = True
    begin(lanes)
    assert (lane.in_flight, len(lane.waiting), len(lane.past)) == (4, 0, 50)
    # More that is live is due: until it is fetched nothing else goes.
    lane.in_flight = 0
    clock.at += 1
    lanes.turns.offer(lane)
    assert begin(lanes) == []


def test_beside_live_deliveries_lanes_have_few_in_flight_that_are_sent_again() -> None:
    clock = FakeClock()
    lanes = Lanes(Places(), RecoveryPace(clock))
    past, live = lane_of(1, tenant=1, size=64), lane_of(2, tenant=2, size=64)
    fill(lanes, live, 1)
    fill(lanes, past, 60, rank=1)
    begin(lanes)
    assert live.in_flight == 1
    assert past.in_flight == 0
    [(waits, wait)] = lanes.take_timed()
    assert waits is past
    # At the latest then it is its turn, whatever else there is.
    clock.at += wait.total_seconds() + 0.001
    begin(lanes)
    assert past.in_flight == 1

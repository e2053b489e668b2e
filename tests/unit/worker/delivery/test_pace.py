from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.delivery.pace import after_request, free_at, gap_of

NOW = datetime(2026, 11, 20, 10, 0, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
RATES = st.integers(min_value=1, max_value=50)


def greedy(rate: float, lateness: list[float]) -> list[datetime]:
    """Begin requests as soon as they may begin, each a little too late."""
    at, until, begun = NOW, None, list[datetime]()
    for late in lateness:
        at = free_at(until, rate=rate, at=at) + timedelta(seconds=late)
        until = after_request(until, rate=rate, at=at)
        begun.append(at)
    return begun


@given(RATES, st.lists(st.floats(min_value=0, max_value=0.2), max_size=200))
def test_no_second_ever_sees_more_requests_than_the_rate(
    rate: int, lateness: list[float]
) -> None:
    begun = greedy(rate, lateness)
    for first, beyond in zip(begun, begun[rate:], strict=False):
        assert beyond - first >= SECOND


@pytest.mark.parametrize("rate", [0.1, 1, 2.5, 10, 1000])
def test_a_greedy_sender_gets_99_of_100_of_the_rate(rate: float) -> None:
    begun = greedy(rate, [0] * 201)
    assert 0.985 * rate <= 200 / (begun[-1] - begun[0]).total_seconds() <= rate


def test_a_timer_that_rings_a_little_late_costs_nothing() -> None:
    punctual, late = greedy(100, [0] * 101), greedy(100, [0.005] * 101)
    assert late[-1] - punctual[-1] <= timedelta(milliseconds=10)


def test_requests_are_spread_over_the_second() -> None:
    gaps = {later - one for one, later in pairwise(greedy(4, [0] * 20)[1:])}
    assert all(gap >= timedelta(seconds=0.25) for gap in gaps)


def test_the_next_owner_takes_over_without_a_burst() -> None:
    until = after_request(None, rate=2, at=NOW)
    taken_over_at = NOW + timedelta(milliseconds=20)
    assert free_at(until, rate=2, at=taken_over_at) - NOW >= SECOND / 2
    # And after a long rest, without a store of unused requests.
    later = NOW + 60 * SECOND
    assert free_at(until, rate=2, at=later) == later
    until = after_request(until, rate=2, at=later)
    assert free_at(until, rate=2, at=later) - later >= 0.49 * SECOND


def test_a_clock_that_was_set_back_holds_nobody_for_longer_than_one_gap() -> None:
    until = after_request(None, rate=2, at=NOW + timedelta(hours=1))
    assert free_at(until, rate=2, at=NOW) == NOW + gap_of(2)


def test_without_a_rate_nobody_waits() -> None:
    assert after_request(None, rate=None, at=NOW) is None
    assert free_at(NOW + SECOND, rate=None, at=NOW) == NOW

"""Judgements of what only shows over time: rates in every interval, and equal service."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from infra.postgres.release import VTIME_SCALE
from producer.doctor.over_time import Served, rate_excess, unequal

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
# What an ordinary job adds to the virtual time of a flow, times the flow's weight.
JOB = VTIME_SCALE


def at(*seconds: float) -> list[tuple[datetime, float]]:
    return [(NOON + timedelta(seconds=second), 1.0) for second in seconds]


def test_a_burst_and_a_steady_flow_are_allowed() -> None:
    assert rate_excess(at(0, 0, 0, 1, 2, 3), emission=SECOND, burst=3) is None


def test_one_more_than_the_burst_is_an_excess() -> None:
    excess = rate_excess(at(0, 0, 0, 0), emission=SECOND, burst=3)

    assert excess is not None
    assert (excess.units, excess.allowed) == (4, 3)


def test_an_excess_late_in_a_long_record_is_found_with_its_interval() -> None:
    excess = rate_excess(at(*range(0, 50, 5), 100, 100, 100.5, 101), emission=SECOND, burst=2)

    assert excess is not None
    assert excess.begun == NOON + 100 * SECOND


def test_slack_forgives_what_may_have_happened_earlier() -> None:
    assert rate_excess(at(0, 0, 0, 0), emission=SECOND, burst=3, slack=SECOND) is None


def test_units_count_for_more_than_instants() -> None:
    assert rate_excess([(NOON, 5.0)], emission=SECOND, burst=4) is not None


@given(
    st.lists(st.integers(0, 40), max_size=12).map(sorted),
    st.integers(1, 4),
    st.integers(1, 5),
)
def test_it_finds_an_excess_exactly_if_some_interval_has_one(
    seconds: list[int], emission: int, burst: int
) -> None:
    every_interval = any(
        end - begin + 1 > burst + (seconds[end] - seconds[begin]) / emission
        for begin in range(len(seconds))
        for end in range(begin, len(seconds))
    )
    found = rate_excess(at(*seconds), emission=emission * SECOND, burst=burst)

    assert (found is not None) == every_interval


def test_service_by_weight_is_equal() -> None:
    # 100 jobs at weight 1000, 400 at weight 4000: the same in virtual time.
    served = {1: Served(100 * JOB // 1000, 1000), 2: Served(400 * JOB // 4000, 4000)}

    assert unequal(served, quantum=1) == []


def test_a_flow_that_got_a_quantum_more_is_told_with_the_one_that_lacks_it() -> None:
    served = {1: Served(100 * JOB // 1000, 1000), 2: Served(10 * JOB // 1000, 1000)}

    assert unequal(served, quantum=40) == [(1, 2)]
    assert unequal(served, quantum=50) == []

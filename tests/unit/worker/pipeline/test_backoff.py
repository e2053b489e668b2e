from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from worker.pipeline.backoff import full_jitter

durations = st.timedeltas(timedelta(milliseconds=1), timedelta(days=30))
chances = st.floats(0, 1, exclude_max=True)


@given(st.integers(0, 100_000), durations, durations, chances)
def test_a_delay_lies_between_zero_and_the_cap(
    doublings: int, base: timedelta, cap: timedelta, random: float
) -> None:
    delay = full_jitter(doublings, base=base, cap=cap, random=random)

    assert timedelta(0) <= delay <= cap


@given(st.integers(0, 40), chances)
def test_a_delay_stays_under_its_doubled_ceiling(doublings: int, random: float) -> None:
    base = timedelta(milliseconds=10)

    delay = full_jitter(doublings, base=base, cap=timedelta(days=30), random=random)

    assert delay <= base * 2**doublings


def test_the_ceiling_doubles_until_the_cap() -> None:
    base, cap = timedelta(seconds=2), timedelta(seconds=12)

    halves = [full_jitter(n, base=base, cap=cap, random=0.5) for n in range(5)]

    assert [half.total_seconds() for half in halves] == [1, 2, 4, 6, 6]

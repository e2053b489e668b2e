from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from worker.pipeline.backoff import full_jitter, spread

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


@given(
    st.timedeltas(timedelta(0), timedelta(days=1)), st.integers(0, 100_000), durations, chances
)
def test_what_was_asked_for_is_a_floor_with_little_above_it(
    asked: timedelta, doublings: int, cap: timedelta, random: float
) -> None:
    first = spread(asked, 0, cap=cap, random=random)
    later = spread(asked, doublings, cap=cap, random=random)

    assert asked <= first <= asked + max(asked / 10, timedelta(milliseconds=50))
    assert first <= asked + timedelta(seconds=5)
    assert first <= later <= asked + cap


def test_those_who_were_told_the_same_instant_come_one_after_the_other() -> None:
    asked, cap = timedelta(seconds=2), timedelta(minutes=5)

    delays = [spread(asked, 0, cap=cap, random=n / 4).total_seconds() for n in range(4)]

    assert delays == [2, 2.05, 2.1, 2.15]


def test_a_crowd_that_is_told_so_again_and_again_thins_out() -> None:
    asked, cap = timedelta(seconds=2), timedelta(seconds=1)

    delays = [spread(asked, n, cap=cap, random=0.5).total_seconds() for n in range(5)]

    assert delays == [2.1, 2.2, 2.4, 2.5, 2.5]

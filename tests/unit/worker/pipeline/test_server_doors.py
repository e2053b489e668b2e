"""When a server takes calls again, as its own answers say it."""

from datetime import timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.clock import SystemClock
from worker.pipeline.server_doors import OPEN, ServerDoors


class StillClock(SystemClock):
    """A clock that only a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


CLOCK: Final = StillClock()


def doors() -> ServerDoors:
    return ServerDoors(["a", "b"], CLOCK)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def test_a_server_is_open_until_it_says_otherwise() -> None:
    assert doors().wait("a") == OPEN


def test_a_pause_closes_one_server_and_no_other() -> None:
    both = doors()

    both.limited("a", seconds(2))

    assert (both.wait("a"), both.wait("b")) == (seconds(2), OPEN)


@given(st.lists(st.timedeltas(timedelta(0), timedelta(days=1)), min_size=1))
def test_the_longest_of_several_pauses_counts(pauses: list[timedelta]) -> None:
    both = doors()

    for pause in pauses:
        both.close("a", pause)

    assert abs(both.wait("a") - max(pauses)) < timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("asked", "pauses"),
    [
        (None, [1, 2, 4, 8, 16, 30, 30]),
        (timedelta(0), [1, 2, 4, 8, 16, 30, 30]),
        (timedelta(seconds=0.25), [0.25, 1, 2, 4, 8, 16, 30]),
        (timedelta(seconds=20), [20, 20, 20, 20, 20, 20, 30]),
    ],
)
def test_pauses_double_while_nothing_succeeds(
    asked: timedelta | None, pauses: list[float]
) -> None:
    both = doors()
    found: list[float] = []

    for _ in pauses:
        both.limited("a", asked)
        found.append(both.wait("a").total_seconds())
        CLOCK.seconds += both.wait("a").total_seconds()

    assert found == pauses


def test_a_success_ends_the_doubling() -> None:
    both = doors()
    for _ in range(3):
        both.limited("a", None)
        CLOCK.seconds += both.wait("a").total_seconds()

    both.answered("a")
    both.limited("a", None)

    assert both.wait("a") == seconds(1)


def test_a_wave_of_refusals_is_one_step() -> None:
    both = doors()

    for _ in range(50):
        both.limited("a", None)

    assert both.wait("a") == seconds(1)


def test_five_failures_in_a_row_put_a_server_last_for_a_while() -> None:
    both = doors()
    seen: list[bool] = []

    for _ in range(5):
        both.failed("a")
        seen.append(both.shaky("a"))
    CLOCK.seconds += 14.9
    seen.append(both.shaky("a"))
    CLOCK.seconds += 0.2
    seen.append(both.shaky("a"))

    assert seen == [False, False, False, False, True, True, False]


def test_an_answer_makes_a_server_sound_again() -> None:
    both = doors()
    for _ in range(5):
        both.failed("a")

    both.answered("a")
    both.failed("a")

    assert not both.shaky("a")


def test_a_breaker_tells_its_state_and_since_when() -> None:
    tested = doors()
    assert (tested.state("a"), tested.since("a")) == ("closed", None)

    for _ in range(5):
        tested.failed("a")
    CLOCK.seconds += 10
    assert (tested.state("a"), tested.since("a")) == ("open", timedelta(seconds=10))
    CLOCK.seconds += 6
    assert (tested.state("a"), tested.since("a")) == ("half_open", timedelta(seconds=16))
    tested.called("a")
    assert tested.state("a") == "open"
    tested.answered("a")
    CLOCK.seconds += 1
    assert (tested.state("a"), tested.since("a")) == ("closed", timedelta(seconds=1))
    tested.limited("a", timedelta(seconds=3))
    assert (tested.state("a"), tested.since("a")) == ("open", timedelta(0))

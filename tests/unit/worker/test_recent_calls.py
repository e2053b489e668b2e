"""What a worker reports of its calls: the last minutes, and nothing older."""

from datetime import timedelta

from tests.fixtures.fakes import MovedClock
from worker.recent_calls import MINUTES, RecentCalls


def test_calls_and_errors_of_the_last_minutes_are_told_and_older_ones_are_not() -> None:
    clock = MovedClock()
    recent = RecentCalls(clock)
    assert recent.told("a")["calls"] == 0

    recent.ended("a", "m", 2.0)
    recent.ended("a", "m", 4.0)
    recent.ended("a", "m", 9.0, "model_timeout")
    recent.ended("b", "m", 1.0)
    clock.moved += timedelta(minutes=MINUTES - 1)
    recent.ended("a", "n", 1.0)

    told = recent.told("a")
    assert (told["calls"], told["errors"]) == (4, 1)
    assert told["seconds"] == {"m": 2.4, "n": 1.0}
    assert (told["last_error"], round(told["last_error_ago"])) == ("model_timeout", 240)
    clock.moved += timedelta(minutes=1)
    assert (recent.told("a")["calls"], recent.told("a")["errors"]) == (1, 0)
    assert recent.told("a")["last_error"] == "model_timeout"

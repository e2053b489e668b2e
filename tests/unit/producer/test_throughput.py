"""The dispatcher's sense of speed."""

import pytest

from producer.dispatcher.throughput import Throughput


@pytest.mark.parametrize("rate", [1, 20, 300])
def test_a_steady_flow_is_measured_as_it_is(rate: int) -> None:
    speed = Throughput()
    for tick in range(10 * rate):
        speed.add(1, tick / rate)

    assert speed.per_second == pytest.approx(rate, rel=0.1, abs=0.5)


def test_what_is_kept_ahead_follows_the_speed() -> None:
    speed = Throughput()
    assert speed.ahead() == 2
    for tick in range(1000):
        speed.add(1, tick / 250)

    assert 11 <= speed.ahead() <= 13
    speed.add(0, 100.0)
    assert speed.ahead() == 3

"""How long model servers took of late, as this process saw it."""

import math
from dataclasses import dataclass
from typing import Final

from infra.clock import Clock

# How much of the average the newest call is.
_NEWEST: Final = 0.2
# What was seen so long ago counts half: a server that was slow once gets calls again.
_HALF_LIFE_SECONDS: Final = 60.0


@dataclass(slots=True)
class _Average:
    seconds: float
    seen_at: float


class ServerTimes:
    """An exponentially weighted moving average per server and model, in seconds.

    It fades while a server has nothing to do. Weighing it with the calls under way is "peak
    EWMA" without the peak (Twitter Finagle, ``com.twitter.finagle.loadbalancer.p2c``): one slow
    call must not scare all others away.

    Args:
        clock: Its monotonic time is what averages fade by.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._averages: dict[tuple[str, str], _Average] = {}

    def took(self, server: str, model: str, seconds: float) -> None:
        """Note one call: seconds per ordinary job."""
        now = self._clock.monotonic()
        average = self._averages.get((server, model))
        if average is None:
            self._averages[server, model] = _Average(seconds, now)
            return
        average.seconds += _NEWEST * (seconds - average.seconds)
        average.seen_at = now

    def expected(self, server: str, model: str, *, idle: bool) -> float:
        """Return the average; of what was never seen 0, so that it is tried soon.

        Args:
            server: Which.
            model: Which.
            idle: Whether it has no call now. One that has, and says nothing, may hang: its
                average does not fade, and if there is none, all others are better.
        """
        average = self._averages.get((server, model))
        if average is None:
            return 0.0 if idle else math.inf
        if not idle:
            return average.seconds
        age = self._clock.monotonic() - average.seen_at
        return average.seconds * 0.5 ** (age / _HALF_LIFE_SECONDS)

"""Leaves alone for a while what fails again and again."""

from typing import Final

from infra.clock import Clock

_FAILURES: Final = 5
_PAUSE_SECONDS: Final = 30.0


class Breaker:
    """Open after five failures in a row; half a minute later one call finds out.

    Args:
        clock: Measures the pause.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures = 0
        self._closes_at = 0.0

    @property
    def closed(self) -> bool:
        """Whether a call makes sense now. Of an open one, the first who asks may try."""
        if self._failures < _FAILURES:
            return True
        now = self._clock.monotonic()
        if now < self._closes_at:
            return False
        # The others wait until this one knows.
        self._closes_at = now + _PAUSE_SECONDS
        return True

    def failed(self) -> None:
        """Take a failure."""
        self._failures += 1
        self._closes_at = self._clock.monotonic() + _PAUSE_SECONDS

    def answered(self) -> None:
        """Take an answer."""
        self._failures = 0

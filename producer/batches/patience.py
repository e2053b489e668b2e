"""How long a batch waits for what it cannot read: a while, and not for ever."""

from datetime import timedelta
from typing import Final

from infra.clock import Clock

# What comes and goes is waited for again and again, but not for ever.
_TIMES: Final = 16


class Patience:
    """Begins with the first time that it is tried, and anew once what failed is mended.

    What is read in vain may be there again soon: then nothing is lost. Whoever dies and is
    followed by somebody else takes his patience with him.

    Args:
        clock: Measures it.
        longest: How long it lasts; however often it begins anew, not sixteen times as long.
    """

    def __init__(self, clock: Clock, longest: timedelta) -> None:
        self._clock = clock
        self._longest = longest.total_seconds()
        self._failed = set[int]()
        self._since: float | None = None
        self._first: float | None = None

    def lasts(self, what: int = 0) -> bool:
        """Note that something could not be read; return whether it is to be tried again."""
        self._failed.add(what)
        now = self._clock.monotonic()
        if self._first is None:
            self._first = self._since = now
            return True
        if now - self._first >= self._longest * _TIMES:
            return False
        if self._since is None:
            self._since = now
        return now - self._since < self._longest

    def mended(self, what: int) -> bool:
        """Note that something could be read; return whether it had failed: it begins anew."""
        if what not in self._failed:
            return False
        self._failed.clear()
        self._since = None
        return True

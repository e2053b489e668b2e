"""How long a batch waits for what it cannot read: a while, and not for ever."""

from datetime import timedelta

from infra.clock import Clock


class Patience:
    """Begins with the first time that it is tried.

    What is read in vain may be there again soon: then nothing is lost. Whoever dies and is
    followed by somebody else takes his patience with him.

    Args:
        clock: Measures it.
        longest: How long it lasts.
    """

    def __init__(self, clock: Clock, longest: timedelta) -> None:
        self._clock = clock
        self._longest = longest.total_seconds()
        self._since: float | None = None

    def lasts(self) -> bool:
        """Note that something could not be read; return whether it is to be tried again."""
        now = self._clock.monotonic()
        if self._since is None:
            self._since = now
            return True
        return now - self._since < self._longest

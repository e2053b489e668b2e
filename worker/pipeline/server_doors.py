"""When each model server takes calls, as far as this process knows."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from infra.clock import Clock

OPEN: Final = timedelta(0)
# What a server that does not say how long is left alone, doubled while nothing succeeds.
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 30.0
_MOST_DOUBLINGS: Final = 10
# So many failures in a row, and a server comes last for so long.
_SHAKY_AFTER: Final = 5
_SHAKY_SECONDS: Final = 15.0


@dataclass(slots=True)
class _Door:
    opens_at: float = 0.0
    limits: int = 0
    failures: int = 0
    shaky_until: float = 0.0
    # When it began to be left out, or to be well again.
    since: float | None = None


class ServerDoors:
    """A door per server: open, or closed until an instant; and how well calls went of late.

    Args:
        names: The servers' configured names.
        clock: Its monotonic time is what instants are measured by.
    """

    def __init__(self, names: Iterable[str], clock: Clock) -> None:
        self._clock = clock
        self._doors = {name: _Door() for name in names}

    @property
    def names(self) -> tuple[str, ...]:
        """The servers' names."""
        return tuple(self._doors)

    def wait(self, name: str) -> timedelta:
        """Return how much longer the server is closed; zero if it is open."""
        left = self._doors[name].opens_at - self._clock.monotonic()
        return timedelta(seconds=left) if left > 0 else OPEN

    def shaky(self, name: str) -> bool:
        """Return whether the server failed so often in a row that others go first.

        It is a circuit breaker: after the cool-down one call tries the server, a probe, and
        others go first again until that one is answered, or for another cool-down.
        """
        return self._doors[name].shaky_until > self._clock.monotonic()

    def left_out(self, name: str) -> timedelta:
        """Return for how long others go before the server: it is closed, or failed often."""
        door = self._doors[name]
        left = max(door.opens_at, door.shaky_until) - self._clock.monotonic()
        return timedelta(seconds=left) if left > 0 else OPEN

    def state(self, name: str) -> str:
        """Return ``closed``, ``open`` or ``half_open``, as of a circuit breaker.

        Closed is well. Open: no call goes there for a while, because it said so or failed too
        often. Half open: the next call is the probe.
        """
        if self.left_out(name):
            return "open"
        return "half_open" if self._doors[name].failures >= _SHAKY_AFTER else "closed"

    def since(self, name: str) -> timedelta | None:
        """Return for how long it has been left out, or well again; ``None``: all the time."""
        since = self._doors[name].since
        return None if since is None else timedelta(seconds=self._clock.monotonic() - since)

    def called(self, name: str) -> None:
        """Take note of a call: at a server that failed often it is the probe.

        Also if it is given up before it is made.
        """
        door = self._doors[name]
        if door.failures >= _SHAKY_AFTER:
            door.shaky_until = self._clock.monotonic() + _SHAKY_SECONDS

    def close(self, name: str, pause: timedelta) -> None:
        """Close a server for so long from now; one that is closed for longer stays so."""
        door = self._doors[name]
        if not self.left_out(name):
            door.since = self._clock.monotonic()
        door.opens_at = max(door.opens_at, self._clock.monotonic() + pause.total_seconds())

    def limited(self, name: str, asked: timedelta | None) -> None:
        """Take a 429 that asked for a pause, or did not say for how long.

        One pause after the other, with no success between them, is at least 1, 2, 4 ... 30
        seconds long: what was asked for was not enough. Calls that were on their way when the
        door closed are no further step.
        """
        door = self._doors[name]
        pause = asked.total_seconds() if asked else 0.0
        if not self.wait(name):
            doublings = min(door.limits, _MOST_DOUBLINGS) - bool(pause)
            door.limits += 1
            if doublings >= 0:
                pause = max(pause, min(_FIRST_PAUSE * 2.0**doublings, _LONGEST_PAUSE))
        self.close(name, timedelta(seconds=pause))

    def failed(self, name: str) -> None:
        """Take a failure that is the server's: unavailable, no answer, its key is refused."""
        door = self._doors[name]
        door.failures += 1
        if door.failures == _SHAKY_AFTER:
            door.since = self._clock.monotonic()
        if door.failures >= _SHAKY_AFTER:
            door.shaky_until = self._clock.monotonic() + _SHAKY_SECONDS

    def answered(self, name: str) -> None:
        """Take an answer that shows the server at work."""
        door = self._doors[name]
        if door.limits or door.failures >= _SHAKY_AFTER:
            door.since = self._clock.monotonic()
        door.limits = door.failures = 0
        door.shaky_until = 0.0

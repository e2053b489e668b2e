"""How calls of model servers went of late, as this process saw it."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from infra.clock import Clock

MINUTES: Final = 5
"""How far back calls and errors are counted."""

_MINUTE: Final = 60.0
# How much of the average the newest call is.
_NEWEST: Final = 0.2


@dataclass(slots=True)
class _Minute:
    number: int
    calls: int = 0
    errors: int = 0


@dataclass(slots=True)
class _Server:
    minutes: list[_Minute] = field(default_factory=list[_Minute])
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    error: str | None = None
    error_at: float = -math.inf


class RecentCalls:
    """The last minutes of every server.

    Args:
        clock: Its monotonic time tells the minutes.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._servers: defaultdict[str, _Server] = defaultdict(_Server)

    def ended(self, server: str, model: str, seconds: float, error: str | None = None) -> None:
        """Note one call: how long it took, or the code of its error."""
        known = self._servers[server]
        minute = self._minute(known)
        minute.calls += 1
        if error is not None:
            minute.errors += 1
            known.error, known.error_at = error, self._clock.monotonic()
            return
        before = known.seconds.get(model, seconds)
        known.seconds[model] = before + _NEWEST * (seconds - before)

    def told(self, server: str) -> dict[str, Any]:
        """Return what a report says of a server's calls."""
        known = self._servers[server]
        self._minute(known)
        since = self._clock.monotonic() - known.error_at
        return {
            "calls": sum(one.calls for one in known.minutes),
            "errors": sum(one.errors for one in known.minutes),
            "seconds": {model: round(s, 3) for model, s in known.seconds.items()},
            "last_error": known.error,
            "last_error_ago": round(since, 1) if known.error is not None else None,
        }

    def _minute(self, known: _Server) -> _Minute:
        number = int(self._clock.monotonic() // _MINUTE)
        kept: Sequence[_Minute] = known.minutes
        if not kept or kept[-1].number != number:
            known.minutes = [one for one in kept if one.number > number - MINUTES]
            known.minutes.append(_Minute(number))
        return known.minutes[-1]

"""The time of this machine, for what never meets another machine's time.

Leases, schedules and retries use PostgreSQL's clock, in SQL: two machines never agree on now.
"""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return aware UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never run backwards, for measuring durations."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return aware UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return time.monotonic()

"""How fast slots fall free: what a dispatcher must have in the broker to keep workers busy."""

import math
from typing import Final

# The way of a freed slot's next job: finish, doorbell, release, publish, consume.
_REFILL_SECONDS: Final = 0.04
_FEWEST: Final = 2
# The weight of the past halves in about this time.
_MEMORY_SECONDS: Final = 1.0


class Throughput:
    """Jobs released per second, exponentially weighted; pure but for what it remembers."""

    def __init__(self) -> None:
        self.per_second = 0.0
        self._at: float | None = None

    def add(self, jobs: int, at: float) -> None:
        """Count ``jobs`` released at ``at`` seconds of a monotonic clock."""
        if self._at is not None:
            self.per_second *= 0.5 ** (max(0.0, at - self._at) / _MEMORY_SECONDS)
        self._at = at
        # What a steady flow of jobs adds up to, divided by the time it is remembered.
        self.per_second += jobs * math.log(2) / _MEMORY_SECONDS

    def ahead(self) -> int:
        """Return how many jobs should wait in the broker, so that no slot waits for one."""
        return _FEWEST + math.ceil(self.per_second * _REFILL_SECONDS)

"""PostgreSQL's time, reckoned between statements by a clock that only runs forward.

What is kept in rows is compared with PostgreSQL's clock alone: setting this machine's clock
neither hurries nor holds a delivery.
"""

from datetime import UTC, datetime, timedelta

from infra.clock import Clock


class ServerTime:
    """The time of the server, as it was told last and has passed since.

    Args:
        clock: Measures what has passed.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told: datetime | None = None
        self._told_at = 0.0

    @property
    def known(self) -> bool:
        """Whether it was ever told."""
        return self._told is not None

    def tell(self, at: datetime) -> None:
        """Hear what the server's clock says at this moment."""
        self._told, self._told_at = at, self._clock.monotonic()

    def now(self) -> datetime:
        """Return the server's time."""
        if self._told is None:
            return datetime.max.replace(tzinfo=UTC)
        return self._told + timedelta(seconds=self._clock.monotonic() - self._told_at)

"""Celery's consumer, told how many messages to begin with, and without what genq never uses."""

from typing import Any, Final, cast

from celery.worker.consumer import Consumer

# kombu would wait up to thirty seconds between its tries, two more each time: a worker would
# stand idle for so long beside a broker that is back.
_TRY_AGAIN_SECONDS: Final = 0.5
_TRY_AGAIN_MOST_SECONDS: Final = 5.0


class LaneConsumer(Consumer):
    """Consumes the lanes; ``worker.pool.AsyncioPool`` says how many messages it may take."""

    class Blueprint(Consumer.Blueprint):
        """Celery's steps, without the 28 queues for each power of two of a delay."""

        default_steps = [  # noqa: RUF012 # pyright: ignore[reportAssignmentType] - Celery's form; its stub says a set
            step
            for step in Consumer.Blueprint.default_steps
            if not step.endswith(":DelayedDelivery")
        ]

    def __init__(self, *arguments: Any, pool: Any, **named: Any) -> None:
        # Before Celery's own, which asks for the first prefetch.
        pool.attach(self)
        super().__init__(*arguments, pool=pool, **named)

    @property
    def initial_prefetch_count(self) -> int:
        """How many messages a new connection may begin with: as there are free slots."""
        return self.pool.first_prefetch()

    @initial_prefetch_count.setter
    def initial_prefetch_count(self, _: int) -> None:
        """Ignore Celery's own idea, the number of slots: some may be taken already."""

    def ensure_connected(self, conn: Any) -> Any:
        """Connect, however long it takes, soon after the broker is there."""
        return super().ensure_connected(cast("Any", _Eager(conn)))


class _Eager:
    """A connection, except that it tries again sooner: Celery has no setting for it."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def ensure_connection(self, *arguments: Any, **named: Any) -> Any:
        """Return the connection itself, connected."""
        return self._connection.ensure_connection(
            *arguments,
            interval_start=_TRY_AGAIN_SECONDS,
            interval_step=_TRY_AGAIN_SECONDS,
            interval_max=_TRY_AGAIN_MOST_SECONDS,
            **named,
        )

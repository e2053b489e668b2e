"""Celery's consumer, told how many messages to begin with, and without what genq never uses."""

from typing import Any

from celery.worker.consumer import Consumer


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

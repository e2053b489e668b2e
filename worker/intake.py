"""How messages come in as slots fall free. Each broker wants it said in another way."""

import time
from collections.abc import Callable
from typing import Any, Final, Protocol

_FULL_SECONDS: Final = 0.1

Accept = Callable[[], None]
Free = Callable[[], int]


class Intake(Protocol):
    """What the pool tells of the messages in hand."""

    def first_prefetch(self) -> int:
        """Return how many messages a new connection may deliver at first."""
        ...

    def take(self, number: int, accept: Accept) -> None:
        """A message has begun; called in Celery's thread. ``accept`` is called once."""
        ...

    def drop(self, number: int) -> None:
        """It is about to be done with; called in any thread."""
        ...

    def follow(self) -> None:
        """Slots fell free; called in any thread."""
        ...

    def close(self) -> None:
        """Ask for nothing more."""
        ...


class Prefetch:
    """Valkey and Redis: the client takes a message when fewer than a number are in hand.

    The number counts messages, of which each may hold many jobs, so it moves with every
    message and with every job that ends.
    """

    def __init__(self, consumer: Any, hub: Any, free: Free) -> None:
        self._consumer = consumer
        self._hub = hub
        self._free = free
        self._in_hand: dict[int, object] = {}

    def first_prefetch(self) -> int:
        """As many as there are free slots. None would mean without limit."""
        return max(1, self._free())

    def take(self, number: int, accept: Accept) -> None:
        """Accept at once; the number says whether another comes."""
        self._in_hand[number] = self._consumer.task_consumer
        self.follow()
        accept()

    def drop(self, number: int) -> None:
        """Forget it."""
        self._in_hand.pop(number, None)

    def follow(self) -> None:
        """Set the number, which Celery's loop compares before every read of the socket."""
        qos = getattr(self._consumer, "qos", None)
        if qos is None:
            return
        # A new connection does not count what came over the one before it.
        source = self._consumer.task_consumer
        counted = sum(of is source for of in list(self._in_hand.values()))
        qos.value = max(1, counted + max(0, self._free()))
        # Celery's loop sleeps until its socket or its next timer has something.
        self._hub.call_soon(_nothing)

    def close(self) -> None:
        """Do nothing: Celery stops reading."""


class Taps:
    """RabbitMQ: one message per lane is delivered, and accepting it asks for the next one.

    While slots are free, every message is accepted at once. When none is, the last message of
    a lane is held, and that lane delivers no other. Lanes without a message still might: so a
    worker that stays full stops consuming altogether, and what it holds is accepted; nothing
    is then kept from other workers, and no delivery can grow old (``consumer_timeout``).
    """

    def __init__(self, consumer: Any, hub: Any, free: Free) -> None:
        self._consumer = consumer
        self._hub = hub
        self._free = free
        self._held: dict[int, Accept] = {}
        self._shut: object = None
        self._closed = False
        self._filled_at = 0.0

    def first_prefetch(self) -> int:
        """One, for each lane, for as long as the connection lives."""
        return 1

    def take(self, number: int, accept: Accept) -> None:
        """Ask for the next one if there is a slot for it."""
        if self._free() > 0:
            accept()
            return
        self._held[number] = accept
        self._filled_at = time.monotonic()
        self._hub.call_later(_FULL_SECONDS, self._shut_if_full, self._filled_at)

    def drop(self, number: int) -> None:
        """Accept it, if that is still to be done: Celery wants to hear it before the end."""
        accept = self._held.pop(number, None)
        if accept is not None:
            accept()

    def follow(self) -> None:
        """Open what is shut, in Celery's thread: channels are for one thread."""
        if (self._held or self._shut is not None) and self._free() > 0:
            self._hub.call_soon(self._open)

    def close(self) -> None:
        """Open no more; what is held is accepted when it ends."""
        self._closed = True

    def _shut_if_full(self, filled_at: float) -> None:
        consumer = self._consumer.task_consumer
        if self._closed or consumer is None or self._free() > 0:
            return
        if filled_at != self._filled_at or self._shut is consumer:
            return
        # Before anything is accepted, or the broker would deliver the next one.
        self._shut = consumer
        consumer.cancel()
        self._accept(len(self._held))
        if self._free() > 0:
            # A slot that fell free meanwhile found nothing shut, and asked for nothing.
            self._hub.call_soon(self._open)

    def _open(self) -> None:
        free = self._free()
        if self._closed or free <= 0:
            return
        consumer = self._consumer.task_consumer
        if self._shut is not None:
            # After a new connection Celery consumes anyway.
            again, self._shut = self._shut is consumer, None
            if again:
                consumer.consume()
        self._accept(free)

    def _accept(self, most: int) -> None:
        for number in list(self._held)[:most]:
            self.drop(number)


def _nothing() -> None:
    """Wake a loop."""

"""How messages come in as slots fall free. Each broker wants it said in another way."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

_FULL_SECONDS: Final = 0.1

Accept = Callable[[], None]
Free = Callable[[], int]


@dataclass(frozen=True, slots=True)
class Parked:
    """A message that came when no slot was free: it begins later here, or goes back."""

    begin: Callable[[], None]
    put_back: Callable[[], None]


class Intake(Protocol):
    """What the pool tells of the messages in hand."""

    def first_prefetch(self) -> int:
        """Return how many messages a new connection may deliver at first."""
        ...

    def parks(self, message: Parked) -> bool:
        """Keep a message that nothing is free for; called in Celery's thread."""
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

    def settle(self) -> None:
        """Keep no message unanswered, now that nothing is consumed any more."""
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

    def parks(self, message: Parked) -> bool:
        """Keep none: what came in a moment ago was asked for."""
        del message
        return False

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

    def settle(self) -> None:
        """Do nothing: none is parked."""


class Taps:
    """RabbitMQ: one message per lane is delivered, and accepting it asks for the next one.

    While slots are free, every message is accepted at once. When none is, the last message of
    a lane is held, and that lane delivers no other. Lanes without a message still might, one
    each: those wait for a slot, parked. A worker that stays full stops consuming altogether;
    what it holds is then accepted and what is parked goes back to the head of its lane, so
    nothing is kept from other workers, and no delivery can grow old (``consumer_timeout``).
    """

    def __init__(self, consumer: Any, hub: Any, free: Free) -> None:
        self._consumer = consumer
        self._hub = hub
        self._free = free
        self._held: dict[int, Accept] = {}
        self._parked: deque[Parked] = deque()
        self._shut: object = None
        self._closed = False
        self._filled_at = 0.0

    def first_prefetch(self) -> int:
        """One, for each lane, for as long as the connection lives."""
        return 1

    def parks(self, message: Parked) -> bool:
        """Keep it unaccepted while no slot is free: its lane then delivers no other."""
        if self._free() > 0:
            return False
        self._parked.append(message)
        self._hub.call_later(_FULL_SECONDS, self._shut_if_full, self._filled_at)
        return True

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
        waiting = self._held or self._parked or self._shut is not None
        if waiting and self._free() > 0:
            self._hub.call_soon(self._open)

    def close(self) -> None:
        """Open no more."""
        self._closed = True

    def settle(self) -> None:
        """Accept what is held, which may run for long, and put back what is parked."""
        self._accept(len(self._held))
        while self._parked:
            self._parked.popleft().put_back()

    def _shut_if_full(self, filled_at: float) -> None:
        consumer = self._consumer.task_consumer
        if self._closed:
            # A quiet worker may stay for long.
            self.settle()
            return
        if consumer is None:
            return
        if self._free() > 0:
            # It may have fallen free while the message was taken: nobody else opens then.
            self._open()
            return
        if filled_at != self._filled_at or self._shut is consumer:
            return
        # Before anything is accepted, or the broker would deliver the next one.
        self._shut = consumer
        consumer.cancel()
        self.settle()
        if self._free() > 0:
            # A slot that fell free meanwhile found nothing shut, and asked for nothing.
            self._hub.call_soon(self._open)

    def _open(self) -> None:
        if self._closed or self._free() <= 0:
            return
        consumer = self._consumer.task_consumer
        if self._shut is not None:
            # After a new connection Celery consumes anyway.
            again, self._shut = self._shut is consumer, None
            if again:
                consumer.consume()
        while self._parked and self._free() > 0:
            self._parked.popleft().begin()
        self._accept(self._free())

    def _accept(self, most: int) -> None:
        for number in list(self._held)[: max(0, most)]:
            self.drop(number)


def _nothing() -> None:
    """Wake a loop."""

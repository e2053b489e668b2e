"""What RabbitMQ does otherwise than Valkey: quorum queues, confirms, and looks that take.

A quorum queue knows prefetch per consumer only, fixed when it begins to consume, so in-flight
cannot follow a number there. ``worker.taps`` gives credit by acknowledging instead: a message
is acknowledged when it begins, and that asks for the next one.
"""

import contextlib
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from kombu import Queue
from kombu.exceptions import KombuError
from kombu.transport.pyamqp import Transport

from schemas.errors import BrokerUnavailableError, SettingsError

_SCHEMES: Final = frozenset({"amqp", "amqps"})
# What py-amqp raises, beside what Celery and kombu make of it.
ERRORS: Final[tuple[type[Exception], ...]] = (
    *Transport.connection_errors,
    *Transport.channel_errors,
)

QUEUE_ARGUMENTS: Final[Mapping[str, Any]] = {
    "x-queue-type": "quorum",
    # Only with a limit does a message that was looked at go back to the head of its queue.
    # So high that none is dropped for it: whether a job is poison is PostgreSQL's to say.
    "x-delivery-limit": 1_000_000,
}

TRANSPORT_OPTIONS: Final[Mapping[str, Any]] = {
    # A server that hangs must not hold a thread for ever. Confirms are awaited by `Confirms`,
    # for a whole batch: kombu's own way waits for each message.
    "read_timeout": 4,
    "write_timeout": 4,
}

CONFIGURATION: Final[Mapping[str, Any]] = {
    "task_default_queue_type": "quorum",
    # Acknowledged when the pool takes it, which is when it wants another.
    "task_acks_late": False,
}

_CONNECT_SECONDS: Final = 3.0
_CONFIRM_SECONDS: Final = 4.0
_WRONG_KIND: Final = (406,)


def is_rabbit(url: str) -> bool:
    """Tell RabbitMQ from Valkey and Redis."""
    return urlsplit(url).scheme in _SCHEMES


class Line:
    """A publisher's connection, of its own: confirms are counted per channel."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._connection: Any = None
        self.producer: Any = None
        self.confirms: Confirms

    def open(self) -> None:
        """Connect, unless connected; what the server has closed meanwhile is seen here."""
        if self.producer is not None:
            try:
                self.producer.channel.connection.drain_events(timeout=0)
            except TimeoutError:
                return
            except ERRORS:
                self.drop()
            else:
                return
        self._connection = self._app.connection_for_write()
        self._connection.ensure_connection(
            max_retries=len(self._connection.alt) + 1,
            interval_start=0.1,
            interval_step=0.1,
            timeout=_CONNECT_SECONDS,
        )
        channel = self._connection.channel()
        self.confirms = Confirms(channel)
        self.producer = self._app.amqp.Producer(channel, auto_declare=False)

    def drop(self) -> None:
        """Close at once: what comes late on a channel must not meet its next use."""
        connection, self._connection, self.producer = self._connection, None, None
        if connection is not None:
            connection.collect()


class Confirms:
    """Counts what the broker has confirmed of what one channel sent."""

    def __init__(self, channel: Any) -> None:
        self._connection = channel.connection
        self._open: set[int] = set()
        self._sent = 0
        self._refused = 0
        channel.confirm_select()
        channel.events["basic_ack"].add(self._on_ack)
        channel.events["basic_nack"].add(self._on_nack)
        channel.events["basic_return"].add(self._on_return)

    def expect(self, messages: int) -> None:
        """Count messages as sent; call it before they are, or their answer may come first."""
        self._open.update(range(self._sent + 1, self._sent + messages + 1))
        self._sent += messages

    def wait(self) -> None:
        """Wait until the broker has all of them.

        Raises:
            BrokerUnavailableError: It refused one, had no queue for one, or did not say in
                time. Which arrived is unknown.
        """
        until = time.monotonic() + _CONFIRM_SECONDS
        while self._open:
            left = until - time.monotonic()
            if left <= 0:
                raise BrokerUnavailableError(f"publish: {len(self._open)} not confirmed")
            with contextlib.suppress(TimeoutError):
                self._connection.drain_events(timeout=left)
        if self._refused:
            raise BrokerUnavailableError(f"publish: RabbitMQ refused {self._refused} messages")

    def _on_ack(self, tag: int, multiple: bool) -> None:
        if multiple:
            self._open = {sent for sent in self._open if sent > tag}
        else:
            self._open.discard(tag)

    def _on_nack(self, tag: int, multiple: bool) -> None:
        self._refused += 1
        self._on_ack(tag, multiple)

    def _on_return(self, *_: object) -> None:
        # Its queue was deleted; it is confirmed too.
        self._refused += 1


def declare(queues: Mapping[str, Queue], channel: Any) -> None:
    """Declare the lanes' queues.

    Raises:
        SettingsError: One exists and is of another kind.
    """
    for queue in queues.values():
        try:
            queue(channel).declare()
        except Transport.channel_errors as error:
            if getattr(error, "reply_code", None) in _WRONG_KIND:
                raise SettingsError(
                    f"GENQ_BROKER_URL: the queue {queue.name} exists and is no quorum queue."
                    " Delete it (it holds nothing that PostgreSQL does not know), or use a"
                    " virtual host of genq's own: amqp://user:password@host/genq"
                ) from error
            raise


def look(queue: Queue, channel: Any) -> Any:
    """Return the payload of the message that has waited longest, ``None`` if none waits.

    Only by taking a message can one look at it; it goes back to where it was at once.
    """
    bound: Any = queue(channel)
    bound.declare()
    message = bound.get(no_ack=False)
    if message is None:
        return None
    try:
        return message.payload
    except KombuError:
        # Nothing of ours can be read wrongly.
        return None
    finally:
        message.requeue()

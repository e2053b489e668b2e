"""The Celery application and the carriers: what travels from dispatchers to workers.

A message carries pointers, nothing else, and is disposable: PostgreSQL knows the truth, so a
lost message is released again and a doubled one finds nothing to start. Hence no
acknowledgement bookkeeping, no results, no events, no retries, no ETA.
"""

import base64
import contextlib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import orjson
from celery import Celery
from kombu.exceptions import KombuError, OperationalError
from redis.exceptions import RedisError

from infra import rabbit, valkey
from infra.celery_settings import KEY_PREFIX, celery_settings
from infra.settings import Settings
from schemas.claim import Pointer
from schemas.errors import BrokerUnavailableError, SettingsError
from schemas.lanes import Lane

# One name forever: a message under an unknown name would be thrown away.
TASK_NAME: Final = "genq.run"
LARGEST_CARRIER: Final = 32
_PUBLISH_BATCH: Final = 500
_SETTING: Final = "GENQ_BROKER_URL"
_FAILURES: Final = (
    KombuError,
    OperationalError,
    RedisError,
    *rabbit.ERRORS,
    OSError,
    TimeoutError,
)

# kombu waits two seconds after its first failure and four after the next. A dispatcher that
# cannot publish has other things to do: with these it hears of it within five.
_PUBLISHER_PATIENCE: Final[Mapping[str, float]] = {
    "connect_retries_timeout": 3,
    "interval_start": 0.2,
    "interval_step": 0.2,
    "interval_max": 0.5,
}
_PUBLISHER_CONNECT_SECONDS: Final = 2


@dataclass(frozen=True, slots=True)
class Carrier:
    """One message: pointers of one lane."""

    lane: Lane
    pointers: tuple[Pointer, ...]


def create_celery(settings: Settings, *, lanes: Sequence[Lane] = tuple(Lane)) -> Celery:
    """Return the Celery application.

    Args:
        settings: Where the broker is.
        lanes: The lanes a worker consumes, in order of urgency.

    Raises:
        SettingsError: A broker that genq cannot use.
    """
    url = settings.broker_url.get_secret_value()
    _check_url(url)
    sentinel = urlsplit(url).scheme == valkey.SENTINEL
    broker = valkey.read_sentinel_url(url).kombu_url if sentinel else url
    app = Celery("genq", broker=broker, set_as_current=False)
    app.conf.update(celery_settings(url, [lane for lane in Lane if lane in lanes]))
    return app


def refuse_unusable_broker(settings: Settings) -> None:
    """Ask the broker whether it is of a kind that genq can use; one that is away may be.

    Raises:
        SettingsError: It is not.
    """
    publisher = CarrierPublisher(settings)
    try:
        with contextlib.suppress(BrokerUnavailableError):
            publisher.warm_up()
    finally:
        publisher.close()


def _check_url(url: str) -> None:
    if rabbit.is_rabbit(url):
        return
    try:
        valkey.check_valkey_url(url, _SETTING)
    except SettingsError as error:
        raise SettingsError(f"{error.message}; or amqp://host:5672/ (RabbitMQ)") from None


class CarrierPublisher:
    """Publishes carriers, and looks at what still waits. Blocking: call it in a thread."""

    def __init__(self, settings: Settings) -> None:
        self._app = create_celery(settings)
        self._app.conf.broker_connection_timeout = _PUBLISHER_CONNECT_SECONDS
        self._app.conf.broker_transport_options = {
            **self._app.conf.broker_transport_options,
            **_PUBLISHER_PATIENCE,
        }
        # kombu's stubs are older than Producer.batch.
        self._producers: Any = self._app.producer_pool
        self._url = settings.broker_url.get_secret_value()
        self._rabbit = rabbit.Line(self._app) if rabbit.is_rabbit(self._url) else None
        self._redis: Any = None

    def warm_up(self) -> None:
        """Connect, and import what the first message needs: half a second saved for its job.

        Raises:
            BrokerUnavailableError: The broker did not answer; the first message tries again.
            SettingsError: It answered, and is of a kind that genq cannot use.
        """
        with self._told("connect"):
            self._app.finalize()
            self._app.amqp.as_task_v2("0", TASK_NAME)
            if self._rabbit is not None:
                with self._line(self._rabbit) as line:
                    rabbit.declare(self._app.amqp.queues, line.producer.channel)
                return
            with self._producers.acquire(block=True, timeout=2) as producer:
                producer.connection.ensure_connection(max_retries=1)
                producer.revive(producer.connection.default_channel)
            valkey.refuse_cluster_blocking(self._client(), _SETTING)

    def publish(self, carriers: Sequence[Carrier]) -> None:
        """Send the carriers in one batch.

        Raises:
            BrokerUnavailableError: None, some or all were sent; the leases will tell.
        """
        with self._told("publish"):
            if self._rabbit is None:
                with (
                    self._producers.acquire(block=True, timeout=2) as producer,
                    producer.batch(_PUBLISH_BATCH),
                ):
                    self._send(carriers, producer)
                return
            for start in range(0, len(carriers), _PUBLISH_BATCH):
                some = carriers[start : start + _PUBLISH_BATCH]
                with self._line(self._rabbit) as line:
                    line.confirms.expect(len(some))
                    self._send(some, line.producer, mandatory=True)
                    line.confirms.wait()

    def oldest_waiting(self, lane: Lane) -> list[UUID]:
        """Return the jobs of the message that has waited longest, empty if none waits.

        Raises:
            BrokerUnavailableError: The broker did not answer.
        """
        with self._told("look"):
            if self._rabbit is not None:
                queue = self._app.amqp.queues[lane.queue]
                with self._line(self._rabbit) as line:
                    return _jobs_in(rabbit.look(queue, line.producer.channel))
            # Celery pushes on the left and consumes on the right.
            message = self._client().lindex(KEY_PREFIX + lane.queue, -1)
            return _jobs_of(message) if message else []

    def waiting(self, lane: Lane) -> int:
        """Return how many messages of a lane wait.

        Raises:
            BrokerUnavailableError: The broker did not answer, or has no such queue yet.
        """
        with self._told("count"):
            if self._rabbit is not None:
                with self._line(self._rabbit) as line:
                    queue: Any = self._app.amqp.queues[lane.queue](line.producer.channel)
                    return queue.queue_declare(passive=True).message_count
            return int(self._client().llen(KEY_PREFIX + lane.queue))

    def close(self) -> None:
        """Close every connection."""
        self._app.close()
        if self._rabbit is not None:
            self._rabbit.drop()
        if self._redis is not None:
            valkey.close_blocking_valkey(self._redis)

    def _send(self, carriers: Sequence[Carrier], producer: Any, **options: Any) -> None:
        for carrier in carriers:
            self._app.send_task(
                TASK_NAME,
                ([[str(p.job_id), p.fence] for p in carrier.pointers],),
                queue=carrier.lane.queue,
                producer=producer,
                retry=False,
                ignore_result=True,
                argsrepr="",
                kwargsrepr="",
                **options,
            )

    @contextlib.contextmanager
    def _line(self, line: rabbit.Line) -> Generator[rabbit.Line]:
        try:
            line.open()
            yield line
        except BaseException:
            line.drop()
            raise

    @contextlib.contextmanager
    def _told(self, what: str) -> Generator[None]:
        try:
            yield
        except _FAILURES as error:
            raise BrokerUnavailableError(f"{what}: {type(error).__name__}") from error

    def _client(self) -> Any:
        if self._redis is None:
            self._redis = valkey.open_blocking_valkey(
                self._url, socket_timeout=2, socket_connect_timeout=2
            )
        return self._redis


def _jobs_of(message: Any) -> list[UUID]:
    try:
        return _jobs_in(orjson.loads(base64.b64decode(orjson.loads(message)["body"])))
    except (ValueError, TypeError, LookupError, AttributeError):
        return []


def _jobs_in(body: Any) -> list[UUID]:
    try:
        return [UUID(job_id) for job_id, _ in body[0][0]]
    except (ValueError, TypeError, LookupError, AttributeError):
        # Not one of ours. To take it for nothing only makes a rescue early, which is harmless.
        return []

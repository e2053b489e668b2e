"""The Celery application and the carriers: what travels from dispatchers to workers.

A message carries pointers, nothing else, and is disposable: PostgreSQL knows the truth, so a
lost message is released again and a doubled one finds nothing to start. Hence no
acknowledgement bookkeeping, no results, no events, no retries, no ETA.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import orjson
from celery import Celery
from kombu import Queue
from kombu.exceptions import KombuError, OperationalError
from redis import Redis
from redis.exceptions import RedisError

from infra.settings import Settings
from schemas.claim import Pointer
from schemas.errors import BrokerUnavailableError, SettingsError
from schemas.lanes import Lane

# One name forever: a message under an unknown name would be thrown away.
TASK_NAME: Final = "genq.run"
# A hash-tagged prefix keeps all lanes on one slot of a clustered proxy.
KEY_PREFIX: Final = "{genq}:"
LARGEST_CARRIER: Final = 32
_PUBLISH_BATCH: Final = 500
_SCHEMES: Final = frozenset({"redis", "rediss", "amqp", "amqps", "sentinel"})

_REDIS_OPTIONS: Final[Mapping[str, Any]] = {
    # The ledger recovers lost messages; emulated acks would cost more than the work itself.
    "ack_emulation": False,
    # Queues are consumed in order of declaration. Each holds a short window, and the
    # dispatcher decides how much of each lane is in it, so nothing starves.
    "queue_order_strategy": "priority",
    "socket_timeout": 4,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "health_check_interval": 5,
    "global_keyprefix": KEY_PREFIX,
}

# kombu waits two seconds after its first failure and four after the next. A dispatcher that
# cannot publish has other things to do: with these it hears of it within five.
_PUBLISHER_PATIENCE: Final[Mapping[str, float]] = {
    "connect_retries_timeout": 3,
    "interval_start": 0.2,
    "interval_step": 0.2,
    "interval_max": 0.5,
}


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
    scheme = urlsplit(url).scheme
    if scheme not in _SCHEMES:
        raise SettingsError(
            f"GENQ_BROKER_URL: {scheme or 'no'} scheme; use redis:// (Valkey, Redis, not a"
            " Redis Cluster) or amqp:// (RabbitMQ)"
        )
    app = Celery("genq", broker=url, set_as_current=False)
    app.conf.update(_configuration(scheme, [lane for lane in Lane if lane in lanes]))
    return app


def _configuration(scheme: str, lanes: Sequence[Lane]) -> dict[str, Any]:
    rabbit = scheme.startswith("amqp")
    return {
        "accept_content": ["json"],
        "broker_channel_error_retry": True,
        "broker_connection_max_retries": None,
        "broker_connection_retry_on_startup": True,
        "broker_connection_timeout": 4,
        "broker_heartbeat": 30,
        "broker_pool_acquire_timeout": 2,
        "broker_pool_limit": 4,
        "broker_transport_options": {"confirm_publish": True} if rabbit else _REDIS_OPTIONS,
        "result_backend": None,
        "task_acks_late": True,
        "task_create_missing_queues": False,
        "task_default_queue": Lane.FAST.queue,
        "task_default_queue_type": "quorum" if rabbit else "classic",
        "task_ignore_result": True,
        "task_publish_retry": False,
        "task_queues": [Queue(lane.queue, routing_key=lane.queue) for lane in lanes],
        "task_reject_on_worker_lost": False,
        "task_serializer": "json",
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_disable_rate_limits": True,
        "worker_enable_remote_control": False,
        "worker_hijack_root_logger": False,
        "worker_pool": "worker.pool:AsyncioPool",
        "worker_prefetch_multiplier": 1,
        "worker_redirect_stdouts": False,
        "worker_send_task_events": False,
        "worker_soft_shutdown_timeout": 0,
    }


class CarrierPublisher:
    """Publishes carriers, and looks at what still waits. Blocking: call it in a thread."""

    def __init__(self, settings: Settings) -> None:
        self._app = create_celery(settings)
        self._app.conf.broker_transport_options = {
            **self._app.conf.broker_transport_options,
            **_PUBLISHER_PATIENCE,
        }
        # kombu's stubs are older than Producer.batch.
        self._producers: Any = self._app.producer_pool
        url = settings.broker_url.get_secret_value()
        self._looks = urlsplit(url).scheme in {"redis", "rediss"}
        self._url = url
        self._redis: Redis | None = None

    def warm_up(self) -> None:
        """Connect, and import what the first message needs: half a second saved for its job.

        Raises:
            BrokerUnavailableError: The broker did not answer; the first message tries again.
        """
        try:
            self._app.finalize()
            self._app.amqp.as_task_v2("0", TASK_NAME)
            with self._producers.acquire(block=True, timeout=2) as producer:
                producer.connection.ensure_connection(max_retries=1)
                producer.revive(producer.connection.default_channel)
        except (KombuError, OperationalError, RedisError, OSError, TimeoutError) as error:
            raise BrokerUnavailableError(f"connect: {type(error).__name__}") from error

    def publish(self, carriers: Sequence[Carrier]) -> None:
        """Send the carriers in one batch.

        Raises:
            BrokerUnavailableError: None, some or all were sent; the leases will tell.
        """
        try:
            with (
                self._producers.acquire(block=True, timeout=2) as producer,
                producer.batch(_PUBLISH_BATCH),
            ):
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
                    )
        except (KombuError, OperationalError, RedisError, OSError, TimeoutError) as error:
            raise BrokerUnavailableError(f"publish: {type(error).__name__}") from error

    def oldest_waiting(self, lane: Lane) -> list[UUID]:
        """Return the jobs of the message that has waited longest, empty if none waits.

        Only Redis and Valkey can be looked into; elsewhere nothing is known to wait.

        Raises:
            BrokerUnavailableError: The broker did not answer.
        """
        if not self._looks:
            return []
        try:
            if self._redis is None:
                self._redis = Redis.from_url(  # pyright: ignore[reportUnknownMemberType] - untyped keywords
                    self._url, socket_timeout=2, socket_connect_timeout=2
                )
            # Celery pushes on the left and consumes on the right.
            message = self._redis.lindex(KEY_PREFIX + lane.queue, -1)
        except (RedisError, OSError) as error:
            raise BrokerUnavailableError(f"look: {type(error).__name__}") from error
        return _jobs_of(message) if message else []

    def close(self) -> None:
        """Close every connection."""
        self._app.close()
        if self._redis is not None:
            self._redis.close()


def _jobs_of(message: Any) -> list[UUID]:
    try:
        body = orjson.loads(base64.b64decode(orjson.loads(message)["body"]))
        return [UUID(job_id) for job_id, _ in body[0][0]]
    except (ValueError, TypeError, LookupError, AttributeError):
        # Not one of ours. To take it for nothing only makes a rescue early, which is harmless.
        return []

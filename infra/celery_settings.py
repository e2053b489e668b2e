"""Celery's settings: everything off that PostgreSQL does better, and what each broker wants."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from kombu import Queue

from infra import rabbit, valkey
from schemas.lanes import Lane

# A hash-tagged prefix keeps all lanes on one slot of a clustered proxy.
KEY_PREFIX: Final = "{genq}:"

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


def celery_settings(url: str, lanes: Sequence[Lane]) -> dict[str, Any]:
    """Return Celery's settings for the broker at ``url`` and a worker of these lanes."""
    rabbits = rabbit.is_rabbit(url)
    arguments = rabbit.QUEUE_ARGUMENTS if rabbits else None
    return {
        "accept_content": ["json"],
        "broker_channel_error_retry": True,
        "broker_connection_max_retries": None,
        "broker_connection_retry_on_startup": True,
        "broker_connection_timeout": 4,
        "broker_heartbeat": 30,
        "broker_pool_acquire_timeout": 2,
        "broker_pool_limit": 4,
        "broker_transport_options": _transport_options(url),
        "result_backend": None,
        "task_acks_late": True,
        "task_create_missing_queues": False,
        "task_default_queue": Lane.FAST.queue,
        "task_ignore_result": True,
        "task_publish_retry": False,
        "task_queues": [
            Queue(lane.queue, routing_key=lane.queue, queue_arguments=arguments)
            for lane in lanes
        ],
        "task_reject_on_worker_lost": False,
        "task_serializer": "json",
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_consumer": "worker.consumer:LaneConsumer",
        "worker_disable_rate_limits": True,
        "worker_enable_prefetch_count_reduction": False,
        "worker_enable_remote_control": False,
        "worker_hijack_root_logger": False,
        "worker_pool": "worker.pool:AsyncioPool",
        "worker_prefetch_multiplier": 1,
        "worker_redirect_stdouts": False,
        "worker_send_task_events": False,
        "worker_soft_shutdown_timeout": 0,
        **(rabbit.CONFIGURATION if rabbits else {}),
    }


def _transport_options(url: str) -> dict[str, Any]:
    if rabbit.is_rabbit(url):
        return dict(rabbit.TRANSPORT_OPTIONS)
    if urlsplit(url).scheme != valkey.SENTINEL:
        return dict(_REDIS_OPTIONS)
    address = valkey.read_sentinel_url(url)
    return {
        **_REDIS_OPTIONS,
        "master_name": address.master,
        "sentinel_kwargs": address.sentinel_options(_REDIS_OPTIONS),
    }

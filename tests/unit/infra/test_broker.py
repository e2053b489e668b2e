"""Carriers through a real broker: what was published arrives, in order, or one hears of it."""

import socket
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, Final

import pytest
import redis
from kombu import Connection, Queue

from infra.broker import (
    TASK_NAME,
    Carrier,
    CarrierPublisher,
    create_celery,
    refuse_unusable_broker,
)
from infra.celery_settings import KEY_PREFIX
from infra.clock import SystemClock
from infra.new_ids import new_key
from infra.settings import Settings
from schemas.claim import Pointer
from schemas.errors import BrokerUnavailableError, SettingsError
from schemas.lanes import Lane
from tests.fixtures.brokers import Broker, on_every_broker, on_rabbitmq

PATIENCE: Final = 5.0


def settings_of(broker_url: str) -> Settings:
    values: dict[str, Any] = {
        "_env_file": None,
        "database_url": "postgresql://nowhere.invalid/genq",
        "broker_url": broker_url,
        "valkey_url": "redis://nowhere.invalid",
        "object_store": "file:///nowhere",
        "key_pepper": "only-for-tests-0123456789",
    }
    return Settings(**values)


@pytest.fixture
def publisher(broker: Broker) -> Iterator[CarrierPublisher]:
    made = CarrierPublisher(settings_of(broker.url))
    yield made
    made.close()


@pytest.fixture(params=product(["redis", "amqp"], ["nobody listens", "nobody answers"]))
def dead_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A broker that refuses connections, and one that accepts them and then says nothing."""
    scheme, fault = request.param
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if fault == "nobody listens":
            server.close()
        yield f"{scheme}://127.0.0.1:{port}/"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def carrier(lane: Lane = Lane.FAST, jobs: int = 1) -> Carrier:
    return Carrier(lane, tuple(Pointer(new_key(), fence) for fence in range(1, jobs + 1)))


def jobs_of(one: Carrier) -> list[Any]:
    return [pointer.job_id for pointer in one.pointers]


def consume(broker_url: str, lane: Lane, messages: int = 1) -> list[list[list[Any]]]:
    """Take messages as a worker would, and return the pointers of each."""
    app = create_celery(settings_of(broker_url))
    taken: list[list[list[Any]]] = []
    until = SystemClock().monotonic() + PATIENCE
    with app.connection_for_read() as connection:
        queue = app.amqp.queues[lane.queue](connection.default_channel)
        while len(taken) < messages:
            assert SystemClock().monotonic() < until
            # What was looked at is back in a moment.
            message: Any = queue.get(no_ack=True)
            if message is None:
                continue
            assert message.headers["task"] == TASK_NAME
            (pointers,), keywords, _embedded = message.payload
            assert keywords == {}
            taken.append(pointers)
    app.close()
    return taken


def delete_queue(connection: Any) -> None:
    channel = connection.channel()
    channel.queue_delete(Lane.FAST.queue)
    channel.close()


def assert_told_in_time(act: Callable[[], object]) -> None:
    clock = SystemClock()
    begun = clock.monotonic()
    with pytest.raises(BrokerUnavailableError):
        act()
    assert clock.monotonic() - begun < PATIENCE


@on_every_broker
def test_carriers_arrive_in_their_lanes_in_order_with_all_their_pointers(
    publisher: CarrierPublisher, broker: Broker
) -> None:
    fast, turbo, more = carrier(jobs=3), carrier(Lane.TURBO), carrier()

    publisher.publish([fast, turbo, more])

    arrived = [*consume(broker.url, Lane.FAST, 2), *consume(broker.url, Lane.TURBO)]
    assert arrived == [
        [[str(pointer.job_id), pointer.fence] for pointer in sent.pointers]
        for sent in (fast, more, turbo)
    ]


@on_every_broker
def test_a_batch_may_be_larger_than_one_round_trip(
    publisher: CarrierPublisher, broker: Broker
) -> None:
    publisher.publish([carrier() for _ in range(1_100)])

    with create_celery(settings_of(broker.url)) as app, app.connection_for_read() as connection:
        channel: Any = connection.default_channel
        assert channel.queue_purge(Lane.FAST.queue) == 1_100


@on_every_broker
def test_nothing_to_publish_sends_nothing(publisher: CarrierPublisher) -> None:
    publisher.publish([])

    assert publisher.oldest_waiting(Lane.FAST) == []


@on_every_broker
def test_the_oldest_message_is_the_one_that_was_published_first(
    publisher: CarrierPublisher, broker: Broker
) -> None:
    first, second = carrier(jobs=2), carrier()
    publisher.publish([first])
    publisher.publish([second, carrier(Lane.BATCH)])

    before = publisher.oldest_waiting(Lane.FAST)
    consume(broker.url, Lane.FAST)
    after = publisher.oldest_waiting(Lane.FAST)
    consume(broker.url, Lane.FAST)

    assert (before, after) == (jobs_of(first), jobs_of(second))
    assert publisher.oldest_waiting(Lane.FAST) == []


@pytest.mark.parametrize(
    "message", ["", "x", "[]", "7", "{}", '{"body": 7}', '{"body": "e30="}']
)
def test_a_message_of_somebody_else_is_taken_for_none(
    publisher: CarrierPublisher, broker: Broker, message: str
) -> None:
    with redis.Redis.from_url(broker.url) as client:
        client.lpush(KEY_PREFIX + Lane.FAST.queue, message)

    assert publisher.oldest_waiting(Lane.FAST) == []


@on_every_broker
def test_a_broker_that_restarted_is_used_again(
    publisher: CarrierPublisher, broker: Broker
) -> None:
    publisher.publish([carrier()])
    publisher.oldest_waiting(Lane.FAST)
    broker.forget_everything()
    broker.cut_all_connections()
    sent = carrier()

    publisher.publish([sent])

    assert publisher.oldest_waiting(Lane.FAST) == jobs_of(sent)


@on_every_broker
def test_looking_again_and_again_changes_nothing(
    publisher: CarrierPublisher, broker: Broker
) -> None:
    sent = [carrier(), carrier(), carrier()]
    publisher.publish(sent)

    seen = [publisher.oldest_waiting(Lane.FAST) for _ in range(30)]

    assert seen == [jobs_of(sent[0])] * 30
    arrived = [jobs for ((jobs, _fence),) in consume(broker.url, Lane.FAST, 3)]
    assert arrived == [str(*jobs_of(one)) for one in sent]


@on_rabbitmq
def test_rabbitmq_says_when_nobody_can_take_what_is_sent(
    publisher: CarrierPublisher, broker: Broker
) -> None:
    publisher.publish([carrier()])
    with Connection(broker.url) as connection:
        delete_queue(connection)

    with pytest.raises(BrokerUnavailableError, match="refused"):
        publisher.publish([carrier()])

    sent = carrier()
    publisher.publish([sent])
    assert publisher.oldest_waiting(Lane.FAST) == jobs_of(sent)


@on_rabbitmq
def test_a_message_on_rabbitmq_that_cannot_be_read_is_taken_for_none(
    publisher: CarrierPublisher, broker: Broker
) -> None:
    publisher.warm_up()
    with Connection(broker.url) as connection, connection.Producer() as producer:
        producer.publish(
            b"\x80", routing_key=Lane.FAST.queue, content_type="application/x-python-serialize"
        )

    assert publisher.oldest_waiting(Lane.FAST) == []


def test_publishing_to_a_dead_broker_is_told_in_time(dead_url: str) -> None:
    publisher = CarrierPublisher(settings_of(dead_url))

    assert_told_in_time(lambda: publisher.publish([carrier()]))

    publisher.close()


def test_looking_into_a_dead_broker_is_told_in_time(dead_url: str) -> None:
    publisher = CarrierPublisher(settings_of(dead_url))

    assert_told_in_time(lambda: publisher.oldest_waiting(Lane.FAST))

    publisher.close()


def test_a_publisher_is_warm_or_hears_of_it(publisher: CarrierPublisher) -> None:
    publisher.warm_up()
    cold = CarrierPublisher(settings_of(f"redis://127.0.0.1:{free_port()}/0"))

    assert_told_in_time(cold.warm_up)

    cold.close()


@on_rabbitmq
def test_a_queue_of_another_kind_is_refused_with_what_to_do(broker: Broker) -> None:
    with Connection(broker.url) as connection:
        delete_queue(connection)
        Queue(Lane.FAST.queue)(connection.default_channel).declare()
        try:
            with pytest.raises(SettingsError, match=r"genq\.fast exists and is no quorum"):
                refuse_unusable_broker(settings_of(broker.url))
        finally:
            delete_queue(connection)


def test_a_broker_that_is_away_may_be_usable(dead_url: str) -> None:
    refuse_unusable_broker(settings_of(dead_url))


@pytest.mark.parametrize(
    "url",
    [
        "http://:secret@valkey.invalid",
        "sqs://:secret@",
        "memory://",
        "valkey.invalid:6379",
        "",
    ],
)
def test_a_broker_that_genq_cannot_use_is_refused_with_the_ones_it_can(url: str) -> None:
    with pytest.raises(SettingsError, match=r"GENQ_BROKER_URL: .*redis://.*amqp://") as refused:
        create_celery(settings_of(url))

    assert "secret" not in refused.value.message


@pytest.mark.parametrize("scheme", ["redis+cluster", "rediss+cluster"])
def test_a_cluster_is_refused_with_what_to_use(scheme: str) -> None:
    with pytest.raises(SettingsError, match=r"Redis Cluster.*sentinel://.*amqp://"):
        create_celery(settings_of(f"{scheme}://:secret@valkey.invalid"))


@pytest.mark.parametrize("scheme", ["redis", "rediss", "amqp", "amqps", "sentinel"])
def test_a_worker_consumes_its_lanes_in_order_of_urgency(scheme: str) -> None:
    app = create_celery(
        settings_of(f"{scheme}://broker.invalid"), lanes=[Lane.BATCH, Lane.TURBO]
    )

    assert [queue.name for queue in app.conf.task_queues] == ["genq.turbo", "genq.batch"]

"""Carriers through a real broker: what was published arrives, in order, or one hears of it."""

import socket
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
import redis

from infra.broker import KEY_PREFIX, TASK_NAME, Carrier, CarrierPublisher, create_celery
from infra.clock import SystemClock
from infra.new_ids import new_key
from infra.settings import Settings
from schemas.claim import Pointer
from schemas.errors import BrokerUnavailableError, SettingsError
from schemas.lanes import Lane

PATIENCE: Final = 5.0


def settings_of(broker_url: str) -> Settings:
    values: dict[str, Any] = {
        "_env_file": None,
        "database_url": "postgresql://nowhere.invalid/genq",
        "broker_url": broker_url,
        "object_store": "file:///nowhere",
        "key_pepper": "only-for-tests-0123456789",
    }
    return Settings(**values)


@pytest.fixture
def publisher(valkey_url: str) -> Iterator[CarrierPublisher]:
    made = CarrierPublisher(settings_of(valkey_url))
    yield made
    made.close()


@pytest.fixture(params=["nobody listens", "nobody answers"])
def dead_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A broker that refuses connections, and one that accepts them and then says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if request.param == "nobody listens":
            server.close()
        yield f"redis://127.0.0.1:{port}/0"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def carrier(lane: Lane = Lane.FAST, jobs: int = 1) -> Carrier:
    return Carrier(lane, tuple(Pointer(new_key(), fence) for fence in range(1, jobs + 1)))


def jobs_of(one: Carrier) -> list[Any]:
    return [pointer.job_id for pointer in one.pointers]


def consume(valkey_url: str, lane: Lane, messages: int = 1) -> list[list[list[Any]]]:
    """Take messages as a worker would, and return the pointers of each."""
    app = create_celery(settings_of(valkey_url))
    taken: list[list[list[Any]]] = []
    with app.connection_for_read() as connection:
        open_queue: Any = connection.SimpleQueue
        queue = open_queue(app.amqp.queues[lane.queue], no_ack=True)
        for _ in range(messages):
            message = queue.get(timeout=PATIENCE)
            assert message.headers["task"] == TASK_NAME
            (pointers,), keywords, _embedded = message.payload
            assert keywords == {}
            taken.append(pointers)
        queue.close()
    app.close()
    return taken


def assert_told_in_time(act: Callable[[], object]) -> None:
    clock = SystemClock()
    begun = clock.monotonic()
    with pytest.raises(BrokerUnavailableError):
        act()
    assert clock.monotonic() - begun < PATIENCE


def test_carriers_arrive_in_their_lanes_in_order_with_all_their_pointers(
    publisher: CarrierPublisher, valkey_url: str
) -> None:
    fast, turbo, more = carrier(jobs=3), carrier(Lane.TURBO), carrier()

    publisher.publish([fast, turbo, more])

    arrived = [*consume(valkey_url, Lane.FAST, 2), *consume(valkey_url, Lane.TURBO)]
    assert arrived == [
        [[str(pointer.job_id), pointer.fence] for pointer in sent.pointers]
        for sent in (fast, more, turbo)
    ]


def test_a_batch_may_be_larger_than_one_round_trip(
    publisher: CarrierPublisher, valkey_url: str
) -> None:
    publisher.publish([carrier() for _ in range(1_100)])

    with redis.Redis.from_url(valkey_url) as client:
        assert client.llen(KEY_PREFIX + Lane.FAST.queue) == 1_100


def test_nothing_to_publish_sends_nothing(publisher: CarrierPublisher, valkey_url: str) -> None:
    publisher.publish([])

    assert publisher.oldest_waiting(Lane.FAST) == []


def test_the_oldest_message_is_the_one_that_was_published_first(
    publisher: CarrierPublisher, valkey_url: str
) -> None:
    first, second = carrier(jobs=2), carrier()
    publisher.publish([first])
    publisher.publish([second, carrier(Lane.BATCH)])

    before = publisher.oldest_waiting(Lane.FAST)
    consume(valkey_url, Lane.FAST)
    after = publisher.oldest_waiting(Lane.FAST)
    consume(valkey_url, Lane.FAST)

    assert (before, after) == (jobs_of(first), jobs_of(second))
    assert publisher.oldest_waiting(Lane.FAST) == []


@pytest.mark.parametrize(
    "message", ["", "x", "[]", "7", "{}", '{"body": 7}', '{"body": "e30="}']
)
def test_a_message_of_somebody_else_is_taken_for_none(
    publisher: CarrierPublisher, valkey_url: str, message: str
) -> None:
    with redis.Redis.from_url(valkey_url) as client:
        client.lpush(KEY_PREFIX + Lane.FAST.queue, message)

    assert publisher.oldest_waiting(Lane.FAST) == []


def test_a_broker_that_restarted_is_used_again(
    publisher: CarrierPublisher, valkey_url: str
) -> None:
    publisher.publish([carrier()])
    publisher.oldest_waiting(Lane.FAST)
    with redis.Redis.from_url(valkey_url) as client:
        client.flushall()
        client.execute_command("CLIENT", "KILL", "TYPE", "NORMAL", "SKIPME", "YES")
    sent = carrier()

    publisher.publish([sent])

    assert publisher.oldest_waiting(Lane.FAST) == jobs_of(sent)


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


def test_rabbitmq_is_not_looked_into() -> None:
    publisher = CarrierPublisher(settings_of("amqp://nowhere.invalid//"))

    assert publisher.oldest_waiting(Lane.FAST) == []

    publisher.close()


@pytest.mark.parametrize(
    "url",
    [
        "redis+cluster://:secret@valkey.invalid",
        "rediss+cluster://:secret@valkey.invalid",
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


@pytest.mark.parametrize("scheme", ["redis", "rediss", "amqp", "amqps", "sentinel"])
def test_a_worker_consumes_its_lanes_in_order_of_urgency(scheme: str) -> None:
    app = create_celery(
        settings_of(f"{scheme}://broker.invalid"), lanes=[Lane.BATCH, Lane.TURBO]
    )

    assert [queue.name for queue in app.conf.task_queues] == ["genq.turbo", "genq.batch"]

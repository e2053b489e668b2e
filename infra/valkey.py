"""The way to Valkey or Redis: one server, or whichever one Sentinel calls the master.

``sentinel://host:26379;sentinel://host2:26379/0?master=mymaster`` names the sentinels; a user
and a password before the first host are those of the servers, ``sentinel_password`` is that of
the sentinels.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, quote, unquote, urlsplit

from redis import Redis, asyncio
from redis import sentinel as blocking
from redis.asyncio import sentinel
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from schemas.errors import SettingsError

SENTINEL: Final = "sentinel"
SCHEMES: Final = frozenset({"redis", "rediss", SENTINEL})
# What its client raises when the server does not answer as it should.
VALKEY_FAILURES: Final = (RedisError, OSError)
_SENTINEL_PORT: Final = 26379
_DEFAULT_MASTER: Final = "mymaster"
_NO_CLUSTER: Final = (
    "a Redis Cluster; genq needs one server, or several behind Sentinel (sentinel://), which"
    " may be small: nothing in it outlives a job. To spread the load use RabbitMQ (amqp://) as"
    " GENQ_BROKER_URL"
)


@dataclass(frozen=True, slots=True)
class SentinelAddress:
    """What a ``sentinel://`` URL says."""

    hosts: tuple[tuple[str, int], ...]
    master: str
    database: int
    user: str | None
    password: str | None
    sentinel_password: str | None

    @property
    def credentials(self) -> dict[str, Any]:
        """Of the servers, as redis-py calls them."""
        return {"db": self.database, "username": self.user, "password": self.password}

    @property
    def kombu_url(self) -> str:
        """As kombu reads it: each sentinel with everything but the master's name."""
        login = f"{quote(self.user or '', safe='')}:{quote(self.password or '', safe='')}@"
        return ";".join(
            f"{SENTINEL}://{login if self.password else ''}{host}:{port}/{self.database}"
            for host, port in self.hosts
        )

    def sentinel_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return how to talk to the sentinels themselves: as to the servers, but the login."""
        sockets = {name: value for name, value in options.items() if "socket_" in name}
        return {**sockets, "password": self.sentinel_password}


def read_sentinel_url(url: str) -> SentinelAddress:
    """Return what a ``sentinel://`` URL says.

    Raises:
        SettingsError: It is not one that genq understands.
    """
    try:
        parts = [urlsplit(part) for part in url.split(";")]
        hosts = tuple((part.hostname or "", part.port or _SENTINEL_PORT) for part in parts)
        database = int(parts[-1].path.strip("/") or "0")
    except ValueError:
        raise _unreadable() from None
    options = parse_qs(parts[-1].query)
    unknown = options.keys() - {"master", "sentinel_password"}
    if unknown or {part.scheme for part in parts} != {SENTINEL} or not all(h for h, _ in hosts):
        raise _unreadable()
    first = parts[0]
    return SentinelAddress(
        hosts,
        options.get("master", [_DEFAULT_MASTER])[0],
        database,
        unquote(first.username) if first.username else None,
        unquote(first.password) if first.password else None,
        options.get("sentinel_password", [None])[0],
    )


def check_valkey_url(url: str, setting: str) -> None:
    """Refuse what is no Valkey that genq can use.

    Raises:
        SettingsError: It names ``setting``, and what to write there.
    """
    scheme = urlsplit(url).scheme
    if "cluster" in scheme:
        raise SettingsError(f"{setting}: {_NO_CLUSTER}")
    if scheme not in SCHEMES:
        raise SettingsError(
            f"{setting}: {scheme or 'no'} scheme; use redis://host:6379/0 (Valkey, Redis),"
            " rediss:// with TLS, or sentinel://host:26379/0?master=mymaster"
        )
    if scheme == SENTINEL:
        read_sentinel_url(url)


def open_valkey(url: str, **options: Any) -> Any:
    """Return an asyncio client of redis-py; connections are made when first used.

    Raises:
        SettingsError: Not a URL of Valkey, Redis or Sentinel.
    """
    check_valkey_url(url, "GENQ_VALKEY_URL")
    if urlsplit(url).scheme != SENTINEL:
        return asyncio.Redis.from_url(url, **options)  # pyright: ignore[reportUnknownMemberType] - untyped keywords
    address = read_sentinel_url(url)
    watchers = sentinel.Sentinel(
        address.hosts, sentinel_kwargs=address.sentinel_options(options)
    )
    return watchers.master_for(address.master, **address.credentials, **options)  # pyright: ignore[reportUnknownMemberType] - untyped keywords


def open_blocking_valkey(url: str, **options: Any) -> Any:
    """Return a client as ``open_valkey`` does, for threads."""
    check_valkey_url(url, "GENQ_BROKER_URL")
    if urlsplit(url).scheme != SENTINEL:
        return Redis.from_url(url, **options)  # pyright: ignore[reportUnknownMemberType] - untyped keywords
    address = read_sentinel_url(url)
    watchers = blocking.Sentinel(
        address.hosts, sentinel_kwargs=address.sentinel_options(options)
    )
    return watchers.master_for(address.master, **address.credentials, **options)  # pyright: ignore[reportUnknownMemberType] - untyped keywords


def one_try() -> Any:
    """Return the option ``retry`` of a client whose commands must not be sent twice."""
    return Retry(NoBackoff(), 0)


async def close_valkey(client: Any) -> None:
    """Close a client of ``open_valkey``, and its connections to sentinels."""
    await client.aclose()
    watchers = getattr(client.connection_pool, "sentinel_manager", None)
    if watchers is not None:
        await watchers.aclose()


def close_blocking_valkey(client: Any) -> None:
    """Close a client of ``open_blocking_valkey``, and its connections to sentinels."""
    client.close()
    watchers = getattr(client.connection_pool, "sentinel_manager", None)
    if watchers is not None:
        watchers.close()


async def refuse_cluster(client: Any, setting: str) -> None:
    """Ask the server whether it is part of a Redis Cluster; one that does not answer may be.

    Raises:
        SettingsError: It is.
    """
    try:
        _refuse(await client.info("cluster"), setting)
    except ResponseError:
        # INFO is forbidden to this user; a cluster tells by its first MOVED.
        return
    except (RedisError, OSError):
        return


def refuse_cluster_blocking(client: Any, setting: str) -> None:
    """Ask as ``refuse_cluster`` does.

    Raises:
        SettingsError: It is one.
    """
    try:
        _refuse(client.info("cluster"), setting)
    except ResponseError:
        return


def _refuse(told: Mapping[str, Any], setting: str) -> None:
    if told.get("cluster_enabled"):
        raise SettingsError(f"{setting}: this is {_NO_CLUSTER}")


def _unreadable() -> SettingsError:
    return SettingsError(
        "a Sentinel URL looks like"
        " sentinel://:password@host1:26379;sentinel://host2:26379/0?master=mymaster"
    )

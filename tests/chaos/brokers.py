"""The brokers of a run, each behind a proxy: Valkey always, for the doorbells at least."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import redis.asyncio
from redis.exceptions import RedisError

from infra.embedded.valkey import find_valkey
from tests.fixtures.brokers import RabbitBroker as RabbitLanes
from tests.fixtures.proxy import Proxy, free_port
from tests.fixtures.rabbit_server import RabbitServer

_START_SECONDS: Final = 20.0
_LOOK_SECONDS: Final = 0.02


class Broker(Protocol):
    """A message server that can be broken."""

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        ...

    def url_through(self, port: int) -> str:
        """Return the URL through a proxy."""
        ...

    async def start(self) -> None:
        """Start it and wait until it answers."""
        ...

    async def kill(self) -> None:
        """End it without a warning."""
        ...

    async def flush(self) -> None:
        """Throw away all messages that wait."""
        ...

    def freeze(self) -> None:
        """Stop it in its tracks."""
        ...

    def thaw(self) -> None:
        """Let it go on."""
        ...


class ValkeyBroker:
    """Valkey 9, nothing on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def address(self) -> tuple[str, int]:
        """See ``Broker``."""
        return "127.0.0.1", self._port

    def url_through(self, port: int) -> str:
        """See ``Broker``."""
        return f"redis://127.0.0.1:{port}/0"

    async def start(self) -> None:
        """See ``Broker``."""
        self._process = await asyncio.create_subprocess_exec(
            *(str(find_valkey()), "--port", str(self._port), "--bind", "127.0.0.1"),
            *("--save", "", "--appendonly", "no", "--dir", str(self._folder)),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        async with asyncio.timeout(_START_SECONDS):
            while not await self._ask("ping"):  # noqa: ASYNC110 - another process sets no event
                await asyncio.sleep(_LOOK_SECONDS)

    async def kill(self) -> None:
        """See ``Broker``."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def flush(self) -> None:
        """See ``Broker``."""
        await self._ask("flushall")

    def freeze(self) -> None:
        """See ``Broker``."""
        self._tell(signal.SIGSTOP)

    def thaw(self) -> None:
        """See ``Broker``."""
        self._tell(signal.SIGCONT)

    def _tell(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            os.kill(self._process.pid, number)

    async def _ask(self, command: str) -> bool:
        client: Any = redis.asyncio.Redis(port=self._port, socket_timeout=2)
        try:
            await client.execute_command(command)
        except (RedisError, OSError):
            return False
        finally:
            await client.aclose()
        return True


class RabbitBroker:
    """RabbitMQ, which keeps what it had written."""

    def __init__(self, folder: Path) -> None:
        self._server = RabbitServer(folder)

    @property
    def address(self) -> tuple[str, int]:
        """See ``Broker``."""
        return "127.0.0.1", urlsplit(self._server.url).port or 0

    def url_through(self, port: int) -> str:
        """See ``Broker``."""
        return f"amqp://guest:guest@127.0.0.1:{port}//"

    async def start(self) -> None:
        """See ``Broker``."""
        await asyncio.to_thread(self._server.start)

    async def kill(self) -> None:
        """See ``Broker``."""
        await asyncio.to_thread(self._server.kill)

    async def flush(self) -> None:
        """See ``Broker``."""
        await asyncio.to_thread(RabbitLanes(self._server).forget_everything)

    def freeze(self) -> None:
        """See ``Broker``."""
        self._tell(signal.SIGSTOP)

    def thaw(self) -> None:
        """See ``Broker``."""
        self._tell(signal.SIGCONT)

    def _tell(self, number: signal.Signals) -> None:
        for pid in self._server.pids:
            os.killpg(pid, number)


@dataclass(frozen=True, slots=True)
class Brokers:
    """Everything that carries messages or doorbells, and the settings that lead to it."""

    all: tuple[Broker, ...]
    proxies: tuple[Proxy, ...]
    settings: Mapping[str, str]


@asynccontextmanager
async def brokers_of(kind: str, folder: Path) -> AsyncGenerator[Brokers]:
    """Run what ``kind`` needs, ``valkey`` or ``rabbitmq``, until the block ends."""
    async with AsyncExitStack() as closing:
        kept: list[Broker] = [ValkeyBroker(folder)]
        if kind == "rabbitmq":
            kept.append(RabbitBroker(folder / "rabbitmq"))
        urls: list[str] = []
        proxies: list[Proxy] = []
        for broker in kept:
            closing.push_async_callback(broker.kill)
            await broker.start()
            proxy = await closing.enter_async_context(Proxy(broker.address))
            proxies.append(proxy)
            urls.append(broker.url_through(proxy.port))
        settings = {"VALKEY_URL": urls[0], "BROKER_URL": urls[-1]}
        yield Brokers(tuple(kept), tuple(proxies), settings)

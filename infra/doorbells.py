"""Doorbells through Valkey: "look now". Best effort: every listener also looks by itself.

Published after the commit, never inside: PostgreSQL's own NOTIFY serialises commits and does
not pass a transaction pooler.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import structlog
from redis.exceptions import RedisError

from infra.valkey import close_valkey, open_valkey, refuse_cluster
from schemas.errors import ValkeyUnavailableError

WAKE: Final = "genq:wake"
DELIVER: Final = "genq:deliver"
DONE: Final = "genq:done"
CLOSED: Final = "genq:closed"
ROUTES: Final = "genq:routes"
# "<session> <job> <job>…": that worker is to end these attempts.
CANCEL: Final = "genq:cancel"

# What the dispatcher hears: new work, or only room for work that it may know to be waiting.
READY: Final = "ready"
ROOM: Final = "room"

_TIMEOUT_SECONDS: Final = 2.0
# Who rings has answered somebody or is about to: a server that hangs must not hold them up.
_RING_SECONDS: Final = 1.0
_RECONNECT_SECONDS: Final = 0.5
_HEALTH_SECONDS: Final = 10

_log: Final = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Ring:
    """One message of a channel."""

    channel: str
    message: str


class Bell:
    """What a listener holds. ``connected`` is false while Valkey cannot be reached."""

    def __init__(self) -> None:
        self.connected = False
        self._rings: asyncio.Queue[Ring] = asyncio.Queue(maxsize=10_000)

    async def wait(self, timeout: float) -> Ring | None:  # noqa: ASYNC109 - a wait that may end empty-handed
        """Return the next ring, or ``None`` after ``timeout`` seconds."""
        if not self._rings.empty():
            return self._rings.get_nowait()
        try:
            async with asyncio.timeout(timeout):
                return await self._rings.get()
        except TimeoutError:
            return None

    def drain(self) -> list[Ring]:
        """Return every ring that is already there."""
        rings: list[Ring] = []
        while not self._rings.empty():
            rings.append(self._rings.get_nowait())
        return rings

    def put(self, ring: Ring) -> None:
        """Add a ring; a full bell is already ringing."""
        with contextlib.suppress(asyncio.QueueFull):
            self._rings.put_nowait(ring)


class Doorbells:
    """One process's line to Valkey's channels."""

    def __init__(self, url: str) -> None:
        self._redis: Any = open_valkey(
            url,
            decode_responses=True,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            socket_keepalive=True,
            health_check_interval=_HEALTH_SECONDS,
        )

    async def __aenter__(self) -> Self:
        """Return itself, unless the server is of a kind that genq cannot use.

        Raises:
            SettingsError: A Redis Cluster.
        """
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                await refuse_cluster(self._redis, "GENQ_VALKEY_URL")
        except TimeoutError:
            # A server that is away now is no reason not to start.
            return self
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close every connection."""
        await self.close()

    async def ring(self, channel: str, message: str = "") -> None:
        """Publish; if Valkey is away, the listeners' own looks must do."""
        try:
            async with asyncio.timeout(_RING_SECONDS):
                await self._redis.publish(channel, message)
        except (RedisError, OSError) as error:
            _log.warning("doorbell_failed", channel=channel, error_type=type(error).__name__)

    async def ring_all(self, rings: Sequence[Ring]) -> None:
        """Publish several in one round trip, as ``ring`` does one."""
        try:
            async with (
                asyncio.timeout(_RING_SECONDS),
                self._redis.pipeline(transaction=False) as pipeline,
            ):
                for ring in rings:
                    pipeline.publish(ring.channel, ring.message)
                await pipeline.execute()
        except (RedisError, OSError) as error:
            _log.warning("doorbell_failed", error_type=type(error).__name__)

    async def ping(self) -> None:
        """Ask for a sign of life.

        Raises:
            ValkeyUnavailableError: There was none.
        """
        try:
            await self._redis.ping()
        except (RedisError, OSError) as error:
            raise ValkeyUnavailableError(f"Valkey: {type(error).__name__}") from error

    async def memory(self) -> dict[str, Any]:
        """Return what Valkey says of its memory: ``maxmemory``, ``maxmemory_policy`` and more.

        Raises:
            ValkeyUnavailableError: It did not answer.
        """
        try:
            return await self._redis.info("memory")
        except (RedisError, OSError) as error:
            raise ValkeyUnavailableError(f"Valkey: {type(error).__name__}") from error

    @contextlib.asynccontextmanager
    async def listen(self, *channels: str) -> AsyncGenerator[Bell]:
        """Listen until the block ends; connections that break are made again."""
        bell = Bell()
        listener = asyncio.create_task(self._listen(bell, channels))
        try:
            yield bell
        finally:
            listener.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listener

    async def close(self) -> None:
        """Close every connection."""
        await close_valkey(self._redis)

    async def _listen(self, bell: Bell, channels: tuple[str, ...]) -> None:
        while True:
            try:
                async with self._redis.pubsub() as subscription:
                    await subscription.subscribe(*channels)
                    await _await_confirmations(subscription, len(channels))
                    bell.connected = True
                    # Something may have happened while nobody listened.
                    bell.put(Ring(channels[0], ""))
                    await _forward(subscription, bell)
            except (RedisError, OSError, ValueError) as error:
                # ValueError: somebody rang with what is no text.
                if bell.connected:
                    _log.warning("doorbells_lost", error_type=type(error).__name__)
                bell.connected = False
            await asyncio.sleep(_RECONNECT_SECONDS)


async def _await_confirmations(subscription: Any, channels: int) -> None:
    # A look before the server listens for us would miss what happens in between.
    for _ in range(channels):
        if await subscription.get_message(timeout=_TIMEOUT_SECONDS) is None:
            raise TimeoutError("Valkey did not confirm a subscription")


async def _forward(subscription: Any, bell: Bell) -> None:
    while True:
        message = await subscription.get_message(
            ignore_subscribe_messages=True, timeout=_TIMEOUT_SECONDS
        )
        if message is not None:
            bell.put(Ring(message["channel"], message["data"]))

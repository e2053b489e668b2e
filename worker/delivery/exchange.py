"""One request and its answer, within the time that one attempt has."""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Final, NamedTuple

import aiohttp

from infra.http.dial_watch import DialWatch
from infra.http.opening import Outbound
from infra.http.posting import Reply, Target, post
from worker.delivery.answer import LARGEST_ANSWER, Answer, read_answer

# The whole attempt is timed by its own deadline, which aiohttp would round up to a second. A
# connection has two seconds for its name and five for itself.
_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, connect=7.0, sock_connect=5.0)


class Envelope(NamedTuple):
    """What is sent, but for who sends it.

    Attributes:
        tls: ``None``: without a certificate of our own.
    """

    target: Target
    body: bytes
    tenant_id: int
    tls: ssl.SSLContext | None


class Exchange:
    """Sends an envelope, once or twice, before its time is up.

    Args:
        outbound: The way out.
        envelope: What, and where to.
        watch: Is told what happens.
        seconds: For everything together, but for the wait for a place among the requests to
            the same address.
    """

    def __init__(
        self, outbound: Outbound, envelope: Envelope, watch: DialWatch, *, seconds: float
    ) -> None:
        self._outbound = outbound
        self._envelope = envelope
        self._watch = watch
        self._deadline = asyncio.get_running_loop().time() + seconds

    @property
    def left(self) -> float:
        """The seconds that are left."""
        return max(0.0, self._deadline - asyncio.get_running_loop().time())

    async def answer(self, headers: Mapping[str, str]) -> Answer:
        """POST, and return the answer.

        Raises:
            aiohttp.ClientError, OSError: There was none (``worker.delivery.failures``).
            TimeoutError: Not in time.
        """
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        envelope = self._envelope
        url, tenant = envelope.target.url, envelope.tenant_id
        async with self._outbound.destinations.place(url, tenant=tenant):
            self._deadline += loop.time() - asked_at
            self._watch.begin()
            async with asyncio.timeout_at(self._deadline):
                response = await self._post(headers)
            at = self._watch.clock()
            return await read_answer(response, first_byte=at, until=self._deadline)

    async def _post(self, headers: Mapping[str, str]) -> Reply | aiohttp.ClientResponse:
        try:
            return await self._post_once(headers)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            if not self._watch.reused:
                raise
        # The receiver closed a connection that it was tired of while we wrote to it. Sending
        # again is safe, for the event has the same id, and is part of the same attempt.
        self._watch.begin()
        return await self._post_once(headers)

    async def _post_once(self, headers: Mapping[str, str]) -> Reply | aiohttp.ClientResponse:
        envelope = self._envelope
        if not self._outbound.proxied:
            return await post(
                self._outbound.session,
                envelope.target,
                headers,
                envelope.body,
                timeout=_TIMEOUT,
                buffer=LARGEST_ANSWER,
                tls=envelope.tls,
            )
        return await self._outbound.session.post(
            envelope.target.url,
            data=envelope.body,
            headers=headers,
            allow_redirects=False,
            timeout=_TIMEOUT,
            read_bufsize=LARGEST_ANSWER,
            ssl=True if envelope.tls is None else envelope.tls,
        )

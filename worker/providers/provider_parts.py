"""What a provider is made of: what genq opens for it, and closes after it."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Final

import aiohttp

from infra.clock import Clock
from schemas.model_catalog import ModelServer
from worker.progress import LiveNews
from worker.providers.downloads import PictureDownloads
from worker.providers.plain_calls import PlainCalls

CONNECT_SECONDS: Final = 10.0
# Below the 5 s after which uvicorn closes an idle connection: a call sent on a connection that
# is being closed fails, and would cost the job an attempt.
KEEP_ALIVE_SECONDS: Final = 3.0


class ProviderParts:
    """Handed to whoever makes a provider, on the event loop that will use it.

    Attributes:
        clock: For failures that name a time.
        silence: The longest that a call may take.
        downloads: Follows links of answers, to the server's own host or to the public.
        news: Hears how far attempts are; ``None``: nobody listens.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        silence: timedelta,
        downloads: PictureDownloads,
        news: LiveNews | None,
        closing: AsyncExitStack,
    ) -> None:
        self.clock = clock
        self.silence = silence
        self.downloads = downloads
        self.news = news
        self._closing = closing

    def calls(self, server: ModelServer) -> PlainCalls:
        """Return calls of ``server`` over a session of their own, which genq closes."""
        return PlainCalls(server, self.session(server), self.clock)

    def session(self, server: ModelServer, *, redirects: bool = True) -> aiohttp.ClientSession:
        """Return an HTTP session with a connection for every call, which genq closes.

        Args:
            server: As configured.
            redirects: Whether a call may be redirected; otherwise it fails, which a WebSocket
                cannot ask for itself.
        """
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                # One more for each call that is cancelled.
                limit=2 * server.concurrency,
                keepalive_timeout=KEEP_ALIVE_SECONDS,
            ),
            # Many a server says nothing until it has ended.
            timeout=aiohttp.ClientTimeout(
                total=self.silence.total_seconds(), sock_connect=CONNECT_SECONDS
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trace_configs=[] if redirects else [_refusing_redirects()],
        )
        # It would send a PUT twice where a connection breaks: outcome.decide retries alone.
        setattr(session, "_retry_connection", False)  # noqa: B010 - aiohttp has no other switch
        self.at_end(session.close)
        return session

    def at_end(self, close: Callable[[], Awaitable[object]]) -> None:
        """Have ``close`` awaited when the worker stops, before what was opened earlier."""
        self._closing.push_async_callback(close)


def _refusing_redirects() -> aiohttp.TraceConfig:
    async def refuse(
        session: aiohttp.ClientSession,
        context: object,
        redirect: aiohttp.TraceRequestRedirectParams,
    ) -> None:
        del session, context
        redirect.response.close()
        raise aiohttp.ClientError("redirected, to where nobody configured")

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(refuse)
    return trace

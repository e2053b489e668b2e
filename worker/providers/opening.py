"""Opens one client per model server: where the worker's composition root gets its providers."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import httpx2
from openai import AsyncOpenAI, DefaultAioHttpClient, OpenAIError

from infra.clock import Clock
from infra.http.forward_proxy import ForwardProxy
from infra.http.opening import open_outbound
from infra.http.outbound_policy import OutboundPolicy
from schemas.errors import SettingsError
from schemas.model_catalog import ModelServer, Protocol
from worker.progress import LiveNews
from worker.providers.answer_limit import AnswerLimit
from worker.providers.cog_api import CogProvider
from worker.providers.downloads import PictureDownloads
from worker.providers.openai_api import OpenAIProvider
from worker.providers.provider import Provider, Providers
from worker.providers.rate_headers import Closed, RateHeaders

CONNECT_SECONDS: Final = 10.0
# Below the 5 s after which uvicorn closes an idle connection: a call sent on a connection that
# is being closed fails, and would cost the job an attempt.
_KEEP_ALIVE_SECONDS: Final = 3.0


async def open_providers(
    servers: Sequence[ModelServer],
    *,
    policy: OutboundPolicy,
    proxy: ForwardProxy | None = None,
    clock: Clock,
    silence: timedelta,
    closed: Closed | None = None,
    news: LiveNews | None = None,
) -> Providers:
    """Return a provider for every server; call on the event loop that will use them.

    Nothing is connected yet: a server that is down shows in its first job.

    Args:
        servers: As configured.
        policy: Where links to pictures may lead, besides the servers' own hosts.
        proxy: Through which such links are followed, if there is a forward proxy.
        clock: For ``Retry-After`` dates.
        silence: After so long without a byte a call fails; the longest wall time of an
            attempt, which ends most calls earlier.
        closed: Told when an answer says that a server's account has nothing left, and for how
            long.
        news: Told how far streamed answers are; without it none is streamed.

    Raises:
        SettingsError: A ``base_url`` or an ``api_key`` cannot be used.
    """
    timeout = aiohttp.ClientTimeout(
        total=silence.total_seconds(), sock_connect=CONNECT_SECONDS, sock_read=60
    )
    async with AsyncExitStack() as closing:
        own = await closing.enter_async_context(
            aiohttp.ClientSession(
                timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
            )
        )
        outbound = await closing.enter_async_context(
            open_outbound(policy, proxy=proxy, timeout=timeout)
        )
        outside = outbound.session
        downloads = PictureDownloads(own=own, outbound=outside, policy=policy, clock=clock)
        providers: dict[str, Provider] = {}
        for server in servers:
            _refuse_unusable_key(server)
            if server.protocol is Protocol.COG:
                session = await closing.enter_async_context(_cog_session(server, silence))
                cog = CogProvider(server, session, downloads, clock=clock, news=news)
                closing.push_async_callback(cog.close)
                providers[server.name] = cog
                continue
            client = _client(server, silence, closed)
            closing.push_async_callback(client.close)
            providers[server.name] = OpenAIProvider(
                server, client=client, downloads=downloads, clock=clock, news=news
            )
        return Providers(providers, closing.pop_all())


def _refuse_unusable_key(server: ModelServer) -> None:
    key = server.api_key.get_secret_value()
    if not (key.isascii() and key.isprintable()):
        raise SettingsError(f"model_servers: {server.name}: api_key cannot stand in a header")


def _cog_session(server: ModelServer, silence: timedelta) -> aiohttp.ClientSession:
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            # One more for each call that is cancelled.
            limit=2 * server.concurrency,
            keepalive_timeout=_KEEP_ALIVE_SECONDS,
        ),
        # A prediction says nothing until it has ended.
        timeout=aiohttp.ClientTimeout(
            total=silence.total_seconds(), sock_connect=CONNECT_SECONDS
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    )
    # It would send a PUT twice where a connection breaks: outcome.decide retries, nobody else.
    setattr(session, "_retry_connection", False)  # noqa: B010 - aiohttp has no other switch
    return session


def _client(server: ModelServer, silence: timedelta, closed: Closed | None) -> AsyncOpenAI:
    try:
        client = AsyncOpenAI(
            api_key=server.api_key.get_secret_value() or "none",
            base_url=server.base_url,
            # outcome.decide retries; nobody else does.
            max_retries=0,
            # To inflate pictures costs more than to send them.
            default_headers={"Accept-Encoding": "identity"},
            http_client=_http_client(server, silence, closed),
        )
    except (httpx2.InvalidURL, OpenAIError, ValueError):
        raise SettingsError(f"model_servers: {server.name}: base_url is not a URL") from None
    # Otherwise OPENAI_ORG_ID of somebody's shell would reach every model server.
    client.organization = None
    client.project = None
    return client


def _http_client(
    server: ModelServer, silence: timedelta, closed: Closed | None
) -> httpx2.AsyncClient:
    heads = [RateHeaders(server.name, closed)] if closed else []
    return DefaultAioHttpClient(
        timeout=httpx2.Timeout(silence.total_seconds(), connect=CONNECT_SECONDS, pool=None),
        limits=httpx2.Limits(
            max_connections=server.concurrency, keepalive_expiry=_KEEP_ALIVE_SECONDS
        ),
        # A redirected POST would carry the prompt to a host that nobody configured.
        follow_redirects=False,
        # A proxy of the environment may lead outside, and never to this machine.
        trust_env=not _on_this_machine(server.base_url),
        event_hooks={"response": [*heads, AnswerLimit()]},
    )


def _on_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

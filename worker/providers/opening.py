"""Opens one client per model server: where the worker's composition root gets its providers."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

import aiohttp
import httpx2
from openai import AsyncOpenAI, DefaultAioHttpClient, OpenAIError
from yarl import URL

from infra.clock import Clock
from infra.http.forward_proxy import ForwardProxy
from infra.http.opening import open_outbound
from infra.http.outbound_policy import OutboundPolicy
from schemas.errors import SettingsError
from schemas.model_catalog import OWN_SERVER, ModelServer, Protocol
from worker.progress import LiveNews
from worker.providers.answer_limit import AnswerLimit
from worker.providers.cog_api import CogProvider
from worker.providers.comfy_api import open_comfy
from worker.providers.downloads import PictureDownloads
from worker.providers.entry_points import open_installed
from worker.providers.http_api import open_http
from worker.providers.openai_api import OpenAIProvider
from worker.providers.own_pictures import OwnPictures
from worker.providers.provider import Provider, Providers
from worker.providers.provider_parts import CONNECT_SECONDS, KEEP_ALIVE_SECONDS, ProviderParts
from worker.providers.rate_headers import Closed, RateHeaders
from worker.providers.seeds import keeping_seeds


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
    # The same to the end: an adapter may open things with its first job.
    closing = AsyncExitStack()
    try:
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
        parts = ProviderParts(
            clock=clock, silence=silence, downloads=downloads, news=news, closing=closing
        )
        providers = {server.name: _opened(server, parts, closed) for server in servers}
        kept = {one.name: keeping_seeds(one, providers[one.name]) for one in servers}
        return Providers({**kept, OWN_SERVER.name: OwnPictures()}, closing)
    except BaseException:
        await closing.aclose()
        raise


def _opened(server: ModelServer, parts: ProviderParts, closed: Closed | None) -> Provider:
    _refuse_unusable(server)
    match server.protocol:
        case Protocol.OPENAI:
            return _openai(server, parts, closed)
        case Protocol.COG:
            return _cog(server, parts)
        case Protocol.COMFYUI:
            return open_comfy(server, parts)
        case Protocol.HTTP:
            return open_http(server, parts)
        case _:
            return open_installed(server, parts)


def _refuse_unusable(server: ModelServer) -> None:
    key = server.api_key.get_secret_value()
    if not (key.isascii() and key.isprintable()):
        raise SettingsError(f"model_servers: {server.name}: api_key cannot stand in a header")
    try:
        URL(server.base_url)
    except ValueError:
        raise _no_url(server) from None


def _no_url(server: ModelServer) -> SettingsError:
    return SettingsError(f"model_servers: {server.name}: base_url is not a URL")


def _cog(server: ModelServer, parts: ProviderParts) -> Provider:
    cog = CogProvider(
        server, parts.session(server), parts.downloads, clock=parts.clock, news=parts.news
    )
    parts.at_end(cog.close)
    return cog


def _openai(server: ModelServer, parts: ProviderParts, closed: Closed | None) -> Provider:
    client = _client(server, parts.silence, closed)
    parts.at_end(client.close)
    return OpenAIProvider(
        server,
        client=client,
        downloads=parts.downloads,
        clock=parts.clock,
        news=parts.news,
    )


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
        raise _no_url(server) from None
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
            max_connections=server.concurrency, keepalive_expiry=KEEP_ALIVE_SECONDS
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

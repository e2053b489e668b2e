"""Opens the way out: the session, and what counts where its requests go."""

import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from yarl import URL

from infra.http.connector import verifying
from infra.http.destinations import Destinations
from infra.http.forward_proxy import SOCKS, ForwardProxy
from infra.http.names import Names
from infra.http.outbound import outbound_session, plain_session
from infra.http.outbound_policy import OutboundPolicy
from infra.http.proxies import ProxyingConnector, refuse_as_proxy
from infra.settings import Settings
from schemas.errors import SettingsError

_EXTRA: Final = "GENQ_OUTBOUND_PROXY: socks5:// needs aiohttp-socks: pip install 'genq[socks]'"


@dataclass(frozen=True, slots=True)
class Outbound:
    """How to call what others chose.

    Attributes:
        session: Dials only what ``policy`` permits; or has a forward proxy do so.
        policy: ``check_url`` before every request.
        destinations: ``place`` around every request.
        proxied: Whether there is a forward proxy. The addresses of open connections are its
            own then, and nobody else's business.
    """

    session: aiohttp.ClientSession
    policy: OutboundPolicy
    destinations: Destinations
    proxied: bool = False


def proxy_of(settings: Settings) -> ForwardProxy | None:
    """Return the forward proxy of an installation, if it has one."""
    text = settings.outbound_proxy
    return None if text is None else ForwardProxy.parse(text.get_secret_value())


@asynccontextmanager
async def open_outbound(
    policy: OutboundPolicy,
    *,
    proxy: ForwardProxy | None = None,
    timeout: aiohttp.ClientTimeout | None = None,  # noqa: ASYNC109 - aiohttp's word for it
    limit: int = 1000,
    exempt_listed: bool = True,
    tls: ssl.SSLContext | None = None,
    receive_buffer: int | None = None,
) -> AsyncGenerator[Outbound]:
    """Open a session by ``policy``, and count where its requests go.

    Args:
        policy: Asked once per address, at the moment of dialling; by a proxy not at all.
        proxy: The forward proxy through which everything goes, if there is one.
        timeout: 30 s in all if not given.
        limit: Connections in use at once, over all hosts.
        exempt_listed: Whether the operator's own networks are spared the counting.
        tls: How receivers, and a proxy that speaks TLS, are verified; as usual if not given.
        receive_buffer: As ``outbound_session`` has it; not of connections to a proxy.

    Raises:
        SettingsError: The proxy speaks SOCKS, and the library for it is not installed.
    """
    names = Names(
        policy.permits if proxy is None else lambda _: True, vouches_for=policy.vouches_for
    )
    destinations = Destinations(
        names if proxy is None else None,
        exempt=policy.lists if exempt_listed else lambda _: False,
    )
    if proxy is None:
        session = outbound_session(
            policy,
            timeout=timeout,
            limit=limit,
            resolver=names,
            tls=tls,
            receive_buffer=receive_buffer,
        )
    else:
        session = plain_session(
            _connector(proxy, names, limit=limit, tls=tls or verifying()),
            timeout=timeout,
            **_options(proxy),
        )
    async with session:
        try:
            yield Outbound(session, policy, destinations, proxied=proxy is not None)
        finally:
            await names.close()


def _connector(
    proxy: ForwardProxy, names: Names, *, limit: int, tls: ssl.SSLContext
) -> aiohttp.TCPConnector:
    if proxy.scheme != SOCKS:
        auth = None
        if proxy.user is not None:
            auth = aiohttp.encode_basic_auth(proxy.user, proxy.password or "")
        return ProxyingConnector(names, limit=limit, tls=tls, authorization=auth)
    try:
        # An extra that most installations do without.
        from infra.http.socks import SocksConnector  # noqa: PLC0415 - see above
    except ImportError:
        raise SettingsError(_EXTRA) from None
    return SocksConnector(
        proxy.host,
        proxy.port,
        username=proxy.user,
        password=proxy.password,
        rdns=True,
        limit=limit,
        ssl=tls,
    )


def _options(proxy: ForwardProxy) -> Mapping[str, Any]:
    """Return what the session must know of an HTTP proxy."""
    if proxy.scheme == SOCKS:
        return {}
    return {
        "proxy": URL.build(scheme=proxy.scheme, host=proxy.host, port=proxy.port),
        "middlewares": (refuse_as_proxy,),
    }

"""Sessions that call only what a policy permits.

The address is judged at the moment of dialling, after every look-up and every way of writing
it, so a name that changes its answer between the check and the call gains nothing.
"""

import ssl
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver

from infra.http.connector import GuardedConnector, verifying
from infra.http.dial_watch import WatchedRequest
from infra.http.names import Names, VouchedAddress
from infra.http.odd_answers import PatientResponse, take_heads_first
from infra.http.outbound_policy import OutboundPolicy, RefusedAddressError

CONNECT_SECONDS: Final = 5.0
"""For dialling one address and greeting it."""


def outbound_session(
    policy: OutboundPolicy,
    *,
    timeout: aiohttp.ClientTimeout | None = None,
    limit: int = 1000,
    resolver: AbstractResolver | None = None,
    tls: ssl.SSLContext | None = None,
    receive_buffer: int | None = None,
) -> aiohttp.ClientSession:
    """Return a session that dials only what ``policy`` permits; use it as a context manager.

    Say ``allow_redirects=False`` in every request: a redirect could not leave the policy, but
    it would carry a signed body to somebody else. Never give it a ``proxy``, which would be
    judged instead of the target. Bodies arrive as they were sent: nothing is decompressed.

    Args:
        policy: Asked once per address, at the moment of dialling.
        timeout: 30 s in all if not given.
        limit: Connections in use at once, over all hosts.
        resolver: ``Names`` of its own if not given; closed with the session.
        tls: How receivers are verified; ``infra.http.connector.verifying()`` if not given.
        receive_buffer: Bytes of an answer that the system takes in ahead, where no more is read
            anyway; ``None``: as many as it sees fit.

    Raises:
        aiohttp.ClientConnectorError: From requests; ``__cause__`` is ``RefusedAddressError``
            when the policy refused. No packet was sent.
    """

    def permit(address: str) -> None:
        if not (isinstance(address, VouchedAddress) or policy.permits(address)):
            raise RefusedAddressError(address)

    connector = GuardedConnector(
        resolver or Names(policy.permits, vouches_for=policy.vouches_for),
        permit=permit,
        limit=limit,
        tls=tls or verifying(),
        receive_buffer=receive_buffer,
    )
    return plain_session(connector, timeout=timeout)


def plain_session(
    connector: aiohttp.BaseConnector,
    *,
    timeout: aiohttp.ClientTimeout | None = None,
    **options: Any,
) -> aiohttp.ClientSession:
    """Return a session that keeps nothing and adds nothing, over whichever connector."""
    take_heads_first(connector)
    return aiohttp.ClientSession(
        connector=connector,
        timeout=timeout or aiohttp.ClientTimeout(total=30, sock_connect=CONNECT_SECONDS),
        request_class=WatchedRequest,
        response_class=PatientResponse,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("Accept-Encoding",),
        trust_env=False,
        **options,
    )

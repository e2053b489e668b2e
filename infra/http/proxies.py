"""A forward proxy between genq and receivers: who filters then, and who failed.

The proxy is dialled without the guard's rule about public addresses, for it stands inside. It
looks names up and must refuse what is private; what a URL shows by itself is refused here.
"""

import ssl
from http import HTTPStatus

import aiohttp
from aiohttp import hdrs
from aiohttp.abc import AbstractResolver
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from infra.http.dial_watch import handshake_began
from schemas.errors import OutboundRefusedError


class ForwardProxyError(aiohttp.ClientConnectionError):
    """Our own proxy failed; the receiver is not to blame."""


class RefusedByProxyError(OutboundRefusedError, OSError):
    """The proxy does not let us call this address. An ``OSError``, as aiohttp expects."""

    def __init__(self) -> None:
        super().__init__("the installation's forward proxy does not allow this address")
        self.errno = None
        self.strerror = self.message


class ProxyingConnector(aiohttp.TCPConnector):
    """Connects to what a session's HTTP proxy is, and says whose fault it is if it cannot.

    Args:
        names: Finds the proxy.
        limit: Connections in use at once.
        tls: How receivers, and a proxy that speaks TLS, are verified.
        authorization: What the proxy is shown, such as ``Basic …``.
    """

    def __init__(
        self,
        names: AbstractResolver,
        *,
        limit: int,
        tls: ssl.SSLContext,
        authorization: str | None,
    ) -> None:
        super().__init__(limit=limit, resolver=names, use_dns_cache=False, ssl=tls)  # pyright: ignore[reportUnknownMemberType] - its socket_factory has a tuple of unknowns
        self._authorization = authorization

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp calls it so
    ) -> Connection:
        """Return a connection to the proxy, or through it.

        Raises:
            ForwardProxyError: There is none because of the proxy. A bad gateway may be the
                target's fault, but who can tell.
            aiohttp.ClientConnectorError: The proxy refuses to call the target; its cause is a
                ``RefusedByProxyError``.
        """
        if self._authorization is not None:
            # aiohttp moves it to where the proxy looks for it.
            req.proxy_headers = {hdrs.AUTHORIZATION: self._authorization}  # pyright: ignore[reportAttributeAccessIssue] - any mapping will do
        try:
            return await super().connect(req, traces, timeout)
        except aiohttp.ClientHttpProxyError as error:
            if error.status == HTTPStatus.FORBIDDEN:
                refused = RefusedByProxyError()
                raise aiohttp.ClientConnectorError(req.connection_key, refused) from refused
            raise ForwardProxyError(f"the forward proxy answers {error.status}") from error
        except (aiohttp.ClientProxyConnectionError, aiohttp.ClientConnectorDNSError) as error:
            raise ForwardProxyError("the forward proxy cannot be reached") from error
        except TimeoutError as error:
            if handshake_began():
                # With the target, for all we know.
                raise
            raise ForwardProxyError("the forward proxy does not answer") from error


async def refuse_as_proxy(
    request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Tell the proxy's own answer to a plain http:// request from a receiver's.

    Raises:
        ForwardProxyError: The proxy wants other credentials.
    """
    answer = await send(request)
    if answer.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        answer.close()
        raise ForwardProxyError(f"the forward proxy answers {answer.status}")
    return answer

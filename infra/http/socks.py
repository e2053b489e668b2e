"""The SOCKS proxy, by a library that is an optional extra: import this when it is used."""

import errno
import os
import ssl
from collections.abc import Mapping
from typing import Final

import aiohttp
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from aiohttp_socks import ProxyConnectionError, ProxyConnector, ProxyError, ProxyTimeoutError

from infra.http.proxies import ForwardProxyError, RefusedByProxyError

_NOT_ALLOWED: Final = 2
# Replies that speak of the target, not of the proxy (RFC 1928, section 6).
_OF_THE_TARGET: Final[Mapping[int, int]] = {
    3: errno.ENETUNREACH,
    4: errno.EHOSTUNREACH,
    5: errno.ECONNREFUSED,
    6: errno.ETIMEDOUT,
}


class SocksConnector(ProxyConnector):
    """Connects through a SOCKS 5 proxy, and says whose fault it is if it cannot."""

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp calls it so
    ) -> Connection:
        """Return a connection through the proxy.

        Raises:
            ForwardProxyError: There is none because of the proxy.
            aiohttp.ClientConnectorError: There is none because of the target, or the proxy
                refuses to call it; then its cause is a ``RefusedByProxyError``.
        """
        try:
            return await super().connect(req, traces, timeout)
        except ProxyTimeoutError as error:
            # The proxy waits for its target, most likely.
            raise TimeoutError from error
        except ProxyConnectionError as error:
            raise ForwardProxyError("the forward proxy cannot be reached") from error
        except ProxyError as error:
            cause = _of_target(error.error_code)
            if cause is None:
                raise ForwardProxyError("the forward proxy failed") from error
            raise aiohttp.ClientConnectorError(req.connection_key, cause) from cause
        except ssl.SSLCertVerificationError as error:
            raise aiohttp.ClientConnectorCertificateError(req.connection_key, error) from error
        except ssl.SSLError as error:
            raise aiohttp.ClientConnectorSSLError(req.connection_key, error) from error


def _of_target(code: int | None) -> OSError | None:
    """Return what a reply says of the target; ``None``: it is about the proxy."""
    if code == _NOT_ALLOWED:
        return RefusedByProxyError()
    number = _OF_THE_TARGET.get(code or 0)
    return None if number is None else OSError(number, os.strerror(number))

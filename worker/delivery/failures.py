"""Why a request got no answer: exceptions of aiohttp and the system to outcomes. One table."""

import errno
import os
from collections.abc import Iterator
from typing import Final

import aiohttp

from schemas.errors import OutboundRefusedError
from worker.delivery.schedule import Outcome

_LONGEST_DETAIL: Final = 200

# The first match of an exception or of what caused it counts, so special ones come first.
_BY_TYPE: Final[tuple[tuple[type[BaseException], Outcome], ...]] = (
    (aiohttp.ConnectionTimeoutError, Outcome.CONNECT_TIMEOUT),
    (aiohttp.ClientConnectorDNSError, Outcome.DNS_ERROR),
    (aiohttp.ClientSSLError, Outcome.TLS_ERROR),
    (aiohttp.ServerFingerprintMismatch, Outcome.TLS_ERROR),
    (aiohttp.InvalidURL, Outcome.REFUSED),
    (aiohttp.ServerDisconnectedError, Outcome.DISCONNECTED),
    (aiohttp.ClientPayloadError, Outcome.PROTOCOL_ERROR),
    (aiohttp.ClientResponseError, Outcome.PROTOCOL_ERROR),
    (ConnectionRefusedError, Outcome.CONNECTION_REFUSED),
    (ConnectionResetError, Outcome.CONNECTION_RESET),
    (BrokenPipeError, Outcome.CONNECTION_RESET),
    (TimeoutError, Outcome.TIMEOUT),
)
_BY_ERRNO: Final = {
    errno.ECONNREFUSED: Outcome.CONNECTION_REFUSED,
    errno.ECONNRESET: Outcome.CONNECTION_RESET,
    errno.ECONNABORTED: Outcome.CONNECTION_RESET,
    errno.EPIPE: Outcome.CONNECTION_RESET,
    errno.ENETUNREACH: Outcome.NETWORK_UNREACHABLE,
    errno.ENETDOWN: Outcome.NETWORK_UNREACHABLE,
    errno.EHOSTUNREACH: Outcome.NETWORK_UNREACHABLE,
    errno.EHOSTDOWN: Outcome.NETWORK_UNREACHABLE,
    errno.EADDRNOTAVAIL: Outcome.NETWORK_UNREACHABLE,
    errno.ETIMEDOUT: Outcome.CONNECT_TIMEOUT,
    errno.EMFILE: Outcome.INTERNAL,
    errno.ENFILE: Outcome.INTERNAL,
    errno.ENOBUFS: Outcome.INTERNAL,
    errno.ENOMEM: Outcome.INTERNAL,
}


def outcome_of_failure(error: BaseException) -> Outcome:
    """Return the outcome of a request that ended in ``error``; a defect counts as ours."""
    if any(isinstance(cause, OutboundRefusedError) for cause in _causes(error)):
        return Outcome.BLOCKED_ADDRESS
    for cause in _causes(error):
        for kind, outcome in _BY_TYPE:
            if isinstance(cause, kind):
                return outcome
        if isinstance(cause, OSError) and cause.errno in _BY_ERRNO:
            return _BY_ERRNO[cause.errno]
    theirs = isinstance(error, aiohttp.ClientError)
    return Outcome.PROTOCOL_ERROR if theirs else Outcome.INTERNAL


def detail_of_failure(error: BaseException) -> str:
    """Return what to tell the tenant about ``error``: neither a path nor an address."""
    refused = next((c for c in _causes(error) if isinstance(c, OutboundRefusedError)), None)
    if refused is not None:
        return storable(refused.message)
    if isinstance(error, OSError) and error.errno in _BY_ERRNO:
        # asyncio's own text names the address.
        return os.strerror(error.errno)
    if isinstance(error, OSError) and error.strerror:
        return storable(error.strerror)
    return type(error).__name__


def storable(text: str) -> str:
    """Return the beginning of ``text`` as PostgreSQL's text and a terminal can hold it."""
    start = text[:_LONGEST_DETAIL].encode("utf-8", "replace").decode("utf-8")
    return "".join(c if c.isprintable() else "�" for c in start)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        inner = getattr(seen, "os_error", None)
        seen = seen.__cause__ or (inner if isinstance(inner, BaseException) else None)

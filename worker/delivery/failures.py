"""Why a request got no answer: exceptions of aiohttp and the system to outcomes. One table."""

import errno
import os
import ssl
from collections.abc import Iterator
from typing import Final

import aiohttp

from infra.http.destinations import NoPlaceError
from infra.http.dial_watch import DialWatch
from infra.http.names import NoNameServerError
from infra.http.proxies import ForwardProxyError
from schemas.errors import OutboundRefusedError
from worker.delivery.answer import storable
from worker.delivery.schedule import Outcome


class CannotSendError(Exception):
    """There is nothing that could be sent, or no right to send it.

    Attributes:
        outcome: Of the attempt.
        retry_after: When another server that had to be asked first wants to be asked again.
    """

    def __init__(
        self, outcome: Outcome, detail: str, *, retry_after: str | None = None
    ) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.retry_after = retry_after


# These count wherever among the causes they are.
_WHEREVER: Final[tuple[tuple[type[BaseException], Outcome], ...]] = (
    (OutboundRefusedError, Outcome.BLOCKED_ADDRESS),
    (NoPlaceError, Outcome.DEFERRED),
    (NoNameServerError, Outcome.INTERNAL),
    (ForwardProxyError, Outcome.INTERNAL),
)
# The first match of an exception or of what caused it counts, so special ones come first.
_BY_TYPE: Final[tuple[tuple[type[BaseException], Outcome], ...]] = (
    (aiohttp.ConnectionTimeoutError, Outcome.CONNECT_TIMEOUT),
    (aiohttp.ClientConnectorDNSError, Outcome.DNS_ERROR),
    (aiohttp.ClientSSLError, Outcome.TLS_ERROR),
    (ssl.SSLError, Outcome.TLS_ERROR),
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
_IN_HANDSHAKE: Final = frozenset({Outcome.CONNECTION_RESET, Outcome.DISCONNECTED})


def outcome_of_failure(error: BaseException, watch: DialWatch | None = None) -> Outcome:
    """Return the outcome of a request that ended in ``error``; a defect counts as ours.

    Args:
        error: What the request raised.
        watch: How far the request had come. A time-out is named after it.
    """
    for cause in _causes(error):
        for kind, outcome in _WHEREVER:
            if isinstance(cause, kind):
                return outcome
    if watch is None:
        return _by_cause(error)
    if isinstance(error, TimeoutError):
        return _phase(watch)[0]
    outcome = _by_cause(error)
    return Outcome.TLS_ERROR if outcome in _IN_HANDSHAKE and _greets(watch) else outcome


def detail_of_failure(error: BaseException, watch: DialWatch | None = None) -> str:
    """Return what to tell the tenant about ``error``: neither a path nor an address."""
    return storable(_detail(error, watch))


def _detail(error: BaseException, watch: DialWatch | None) -> str:
    for cause in _causes(error):
        said = cause.message if isinstance(cause, OutboundRefusedError) else _tls_detail(cause)
        if said is not None:
            return said
    if watch is not None and isinstance(error, TimeoutError):
        return _phase(watch)[1]
    if watch is not None and _greets(watch):
        return "the connection was closed in the TLS handshake"
    if isinstance(error, aiohttp.ClientResponseError):
        return f"the answer is not HTTP: {error.message.partition(chr(10))[0]}"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the connection was closed without an answer"
    return _system_detail(error)


def _system_detail(error: BaseException) -> str:
    if isinstance(error, OSError) and error.errno in _BY_ERRNO:
        # asyncio's own text names the address.
        return os.strerror(error.errno)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__


def _tls_detail(error: BaseException) -> str | None:
    # aiohttp's errors are of these classes too, but have no such attributes.
    if not isinstance(error, ssl.SSLError):
        return None
    verdict: str | None = getattr(error, "verify_message", None)
    if verdict:
        return f"the certificate is not accepted: {verdict}"
    reason: str | None = getattr(error, "reason", None)
    return f"TLS: {reason.replace('_', ' ').lower()}" if reason else None


def _by_cause(error: BaseException) -> Outcome:
    for cause in _causes(error):
        for kind, outcome in _BY_TYPE:
            if isinstance(cause, kind):
                return outcome
        if isinstance(cause, OSError) and cause.errno in _BY_ERRNO:
            return _BY_ERRNO[cause.errno]
    theirs = isinstance(error, aiohttp.ClientError)
    return Outcome.PROTOCOL_ERROR if theirs else Outcome.INTERNAL


def _phase(watch: DialWatch) -> tuple[Outcome, str]:
    """Return what a request was waiting for when its time was up."""
    if watch.sent_at is not None:
        return Outcome.TIMEOUT, "no answer came in time"
    if _greets(watch):
        return Outcome.TIMEOUT, "the TLS handshake did not end in time"
    if watch.dialled_at is not None:
        return Outcome.CONNECT_TIMEOUT, "no connection was made in time"
    return Outcome.DNS_ERROR, "the name was not found in time"


def _greets(watch: DialWatch) -> bool:
    return watch.secured_at is not None and watch.sent_at is None


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        inner = getattr(seen, "os_error", None)
        seen = seen.__cause__ or (inner if isinstance(inner, BaseException) else None)

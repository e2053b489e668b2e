"""What one attempt came to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Outcome(StrEnum):
    """How one attempt ended, as logs, metrics and the attempt log call it."""

    SUCCESS = "success"
    REDIRECT = "redirect"
    GONE = "gone"
    RATE_LIMITED = "rate_limited"
    OVERLOAD = "overload"
    HTTP_ERROR = "http_error"
    PROTOCOL_ERROR = "protocol_error"
    TIMEOUT = "timeout"
    CONNECT_TIMEOUT = "connect_timeout"
    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_RESET = "connection_reset"
    NETWORK_UNREACHABLE = "network_unreachable"
    DISCONNECTED = "disconnected"
    DNS_ERROR = "dns_error"
    TLS_ERROR = "tls_error"
    # A name that leads to an address which is never called: its owner may be mending DNS.
    BLOCKED_ADDRESS = "blocked_address"
    # The URL itself leads there, or there is nothing to send: no later try differs.
    REFUSED = "refused"
    # Our own fault: no sockets left, or a defect.
    INTERNAL = "internal"
    # Nothing was sent: as many requests as may be were under way to that address.
    DEFERRED = "deferred"
    # There is nothing left to send: its content was erased, or is past its retention.
    DISCARDED = "discarded"
    # Its time was up before anything was tried again.
    EXHAUSTED = "exhausted"


@dataclass(frozen=True, slots=True)
class Result:
    """What one attempt came to.

    Attributes:
        status: The HTTP status, if headers arrived.
        retry_after: The header's text, if there was one.
        detail: For a person; never a secret or a body.
        duration: Wall time of the attempt.
        address: What was dialled, or is dialled already; ``None``: nothing was.
        dns_ms: Until the first address was dialled; ``None``, as are the next two, on a
            connection that was open already.
        connect_ms: From there until a connection was made.
        tls_ms: The handshake.
        first_byte_ms: From the start of the attempt to the answer's head.
        request_id: What the receiver calls the request (``x-request-id``).
        answer_headers: A chosen few, names in lower case, values printable and cut.
        answer_body: Its beginning, as it came; at most 4096 bytes.
        delivery_control: The answer's ``webhook-delivery`` header, in lower case.
        rest: For so long its lane sends nothing more, to the fraction of a second; after a
            success too. ``None``: as the outcome says.
        again: When to try this delivery again, if it is tried; ``None``: as the outcome says.
    """

    outcome: Outcome
    duration: timedelta
    status: int | None = None
    retry_after: str | None = None
    detail: str | None = None
    address: str | None = None
    dns_ms: int | None = None
    connect_ms: int | None = None
    tls_ms: int | None = None
    first_byte_ms: int | None = None
    request_id: str | None = None
    answer_headers: Mapping[str, str] | None = None
    answer_body: bytes | None = None
    delivery_control: str | None = None
    rest: timedelta | None = None
    again: timedelta | None = None

    @property
    def word(self) -> str:
        """Return what the attempt log calls it: the outcome, or ``http_<status>``."""
        if self.outcome is Outcome.HTTP_ERROR and self.status is not None:
            return f"http_{self.status}"
        return self.outcome.value

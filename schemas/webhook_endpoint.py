"""Registered endpoints as they are stored, and as callers see them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from schemas.webhooks import (
    DEFAULT_IN_FLIGHT,
    DEFAULT_TIMEOUT_SECONDS,
    AuthKind,
    Breaker,
    Ordering,
    Payload,
    SecretKind,
    Signatures,
)


@dataclass(frozen=True, slots=True)
class EndpointConfig:
    """What an endpoint's owner decides.

    Attributes:
        event_types: Exact types, and ``job.*``.
        channels: ``None``: whatever the event's channels are.
        filter: Names and values that the job's metadata must have.
        throttle_rate: Requests a second; ``None``: no such limit.
        timeout_s: One whole attempt, in seconds.
        retry_schedule: Seconds between attempts; ``None``: the standard schedule.
        headers: Sealed JSON of names and values (``infra.sealing``).
        auth: Sealed JSON, as ``schemas.receiver.Receiver.auth`` tells.
    """

    name: str
    url: str
    event_types: Sequence[str]
    channels: Sequence[str] | None = None
    filter: Mapping[str, str] | None = None
    payload: Payload = Payload.THIN
    ordering: Ordering = Ordering.JOB
    signatures: Signatures = Signatures.V1
    max_in_flight: int = DEFAULT_IN_FLIGHT
    throttle_rate: float | None = None
    timeout_s: float = DEFAULT_TIMEOUT_SECONDS
    retry_schedule: Sequence[int] | None = None
    headers: bytes | None = field(default=None, repr=False)
    auth: bytes | None = field(default=None, repr=False)
    auth_kind: AuthKind = AuthKind.NONE
    metadata: Mapping[str, str] | None = None

    @property
    def origin(self) -> str:
        """The part of the URL that says which server it is: ``scheme://host:port``."""
        return origin_of(self.url)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A registered endpoint.

    Attributes:
        revision: Rises with every change that a sender must hear of.
        portal_epoch: Rises to make every portal link void.
    """

    id: UUID
    tenant_id: int
    config: EndpointConfig
    revision: int
    portal_epoch: int
    created_at: datetime
    updated_at: datetime
    disabled_at: datetime | None = None
    disabled_reason: str | None = None


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """A key that signs, of an endpoint or, without one, of a tenant.

    Attributes:
        sealed: The key's text (``infra.sealing``).
        hint: What may be shown of it.
        public_key: Ed25519: 32 bytes.
        expires_at: ``None``: it is the newest of its kind, and signs until it is replaced.
    """

    id: UUID
    tenant_id: int
    endpoint_id: UUID | None
    kind: SecretKind
    sealed: bytes = field(repr=False)
    hint: str
    public_key: bytes | None
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class LaneFacts:
    """How the receiver behind an endpoint does.

    Attributes:
        failures: Since the last success.
        blocked_until: Nothing is sent before; ``None``, or in the past: no such thing.
        delivered: Attempts that succeeded.
        failed: Attempts that did not.
        pending: What is owed, counted up to 1,000.
    """

    breaker: Breaker = Breaker.CLOSED
    failures: int = 0
    failing_since: datetime | None = None
    last_failure_at: datetime | None = None
    last_success_at: datetime | None = None
    blocked_until: datetime | None = None
    delivered: int = 0
    failed: int = 0
    pending: int = 0


NEVER_SENT_TO: Final = LaneFacts()


def origin_of(url: str) -> str:
    """Return ``scheme://host:port`` of a URL, without user and password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def secret_place(endpoint_id: UUID) -> str:
    """Return where an endpoint's secrets are sealed for."""
    return f"endpoint:{endpoint_id.hex}:secret"


def tenant_secret_place(tenant_id: int) -> str:
    """Return where a tenant's own former secrets are sealed for."""
    return f"tenant:{tenant_id}:secret"


def headers_place(endpoint_id: UUID) -> str:
    """Return where an endpoint's headers are sealed for."""
    return f"endpoint:{endpoint_id.hex}:headers"


def auth_place(endpoint_id: UUID) -> str:
    """Return where an endpoint's credentials are sealed for."""
    return f"endpoint:{endpoint_id.hex}:auth"

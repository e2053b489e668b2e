"""A receiver of webhooks as a sender needs to know it, with its secrets opened."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from schemas.webhooks import (
    DEFAULT_IN_FLIGHT,
    DEFAULT_TIMEOUT_SECONDS,
    AuthKind,
    Ordering,
    Payload,
    Signatures,
)

_NO_HEADERS: Mapping[str, str] = {}
_NO_AUTH: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where one lane's deliveries go, and how.

    Attributes:
        endpoint_id: ``None``: the URLs come with the jobs.
        origin: ``scheme://host:port``.
        url: ``None``: each delivery has its own.
        throttle: Requests a second; ``None``: no such limit.
        timeout: One whole attempt.
        schedule: The time between attempts; ``None``: the standard one.
        longest_probe: While it is down it is asked at least this often.
        secrets: ``whsec_…``, newest first; all sign.
        private_keys: ``whsk_…``, newest first; all sign.
        headers: Of the endpoint's owner; never reserved ones.
        auth: As ``auth_kind`` needs it: ``username`` and ``password``; ``token``;
            ``token_url``, ``client_id``, ``client_secret`` and ``scope``; ``certificate`` and
            ``key``, both PEM.
        revision: Rises with every change of any of this.
    """

    lane_id: int
    tenant_id: int
    endpoint_id: UUID | None
    origin: str
    url: str | None = None
    ordering: Ordering = Ordering.JOB
    payload: Payload = Payload.FULL
    signatures: Signatures = Signatures.V1
    max_in_flight: int = DEFAULT_IN_FLIGHT
    throttle: float | None = None
    timeout: timedelta = timedelta(seconds=DEFAULT_TIMEOUT_SECONDS)
    schedule: tuple[timedelta, ...] | None = None
    longest_probe: timedelta = timedelta(minutes=15)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    private_keys: tuple[str, ...] = field(default=(), repr=False)
    headers: Mapping[str, str] = field(default_factory=lambda: _NO_HEADERS, repr=False)
    auth_kind: AuthKind = AuthKind.NONE
    auth: Mapping[str, Any] = field(default_factory=lambda: _NO_AUTH, repr=False)
    revision: int = 0

"""Registered endpoints as callers see them: OpenAI's objects, and genq's own in ``genq``."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

from schemas.ids import format_id
from schemas.job import iso_ms
from schemas.signature import format_public_key
from schemas.webhook_endpoint import NEVER_SENT_TO, Endpoint, LaneFacts, StoredSecret
from schemas.webhooks import AuthKind, SecretKind, Signatures


@dataclass(frozen=True, slots=True)
class KnownEndpoint:
    """An endpoint and all that may be told of it.

    Attributes:
        secrets: Those that sign now, newest first.
        header_names: ``None``: they cannot be read, as the key that sealed them is missing.
    """

    endpoint: Endpoint
    secrets: Sequence[StoredSecret] = ()
    lane: LaneFacts = NEVER_SENT_TO
    header_names: Sequence[str] | None = ()


class SigningSecretView(BaseModel):
    """A secret that signs; ``expires_at`` is null for the one that stays."""

    hint: str
    created_at: str
    expires_at: str | None


class DisabledView(BaseModel):
    """Since when nothing is sent, and why."""

    at: str
    reason: str


class EndpointAuthView(BaseModel):
    """Which credentials requests carry; they themselves are never shown."""

    kind: AuthKind


class EndpointHealthView(BaseModel):
    """How the receiver does. ``pending`` is counted up to 1,000.

    ``breaker`` is ``open`` while nothing but probes is sent, after many failures.
    """

    breaker: Literal["closed", "open", "slow_start"]
    failures: int
    failing_since: str | None
    last_failure_at: str | None
    last_success_at: str | None
    blocked_until: str | None
    delivered: int
    failed: int
    pending: int


class EndpointOptionsView(BaseModel):
    """What is genq's own of an endpoint: as in requests, and how it does.

    ``headers`` are the names alone, or null if the server cannot read them. ``public_keys``
    (``whpk_…``) verify v1a signatures; ``jwks_url`` has them as a JWK set.
    """

    channels: list[str] | None
    filter: dict[str, str] | None
    payload: Literal["thin", "full"]
    ordering: Literal["none", "job", "fifo"]
    signatures: list[Literal["v1", "v1a"]]
    max_in_flight: int
    throttle_rate: float | None
    timeout_s: float
    retry_schedule: list[int] | None
    headers: list[str] | None
    auth: EndpointAuthView
    metadata: dict[str, str]
    disabled: DisabledView | None
    signing_secrets: list[SigningSecretView]
    public_keys: list[str]
    jwks_url: str
    health: EndpointHealthView


class WebhookEndpointView(BaseModel):
    """A registered endpoint; ``updated_at`` moves with its configuration and its secrets."""

    id: str
    object: Literal["webhook_endpoint"]
    created_at: int
    updated_at: int
    name: str
    url: str
    event_types: list[str]
    signing_secret_hint: str | None
    genq: EndpointOptionsView


class WebhookEndpointWithSecretView(WebhookEndpointView):
    """An endpoint that was made, or whose secret was rotated: the secret is shown this once."""

    signing_secret: str


class WebhookEndpointPage(BaseModel):
    """One page of endpoints, newest first. The last one's id goes into ``after``."""

    object: Literal["list"]
    data: list[WebhookEndpointView]
    has_more: bool
    next: str | None
    first_id: str | None
    last_id: str | None


class DeletedEndpointView(BaseModel):
    """An endpoint that was deleted."""

    id: str
    object: Literal["webhook_endpoint.deleted"]
    deleted: bool


class EndpointTrialView(BaseModel):
    """How a test was delivered: the attempt of it, and whether it was taken."""

    event_id: str
    delivered: bool
    outcome: str
    detail: str | None
    duration_ms: int


class EndpointTestView(BaseModel):
    """A test that was answered; ``status_code`` is what the endpoint answered with."""

    object: Literal["webhook_endpoint.test"]
    webhook_endpoint_id: str
    event_type: str
    status_code: int
    success: Literal[True]
    genq: EndpointTrialView


class EventTypeList(BaseModel):
    """What endpoints can ask for."""

    object: Literal["list"]
    data: list[str]


class PortalLinkView(BaseModel):
    """A link to one endpoint for whoever runs it; ``token`` is the API key of its page."""

    object: Literal["webhook_endpoint.portal_link"]
    url: str
    token: str
    expires_at: str


class JwkView(BaseModel):
    """One Ed25519 key (RFC 8037)."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    alg: Literal["EdDSA"]
    use: Literal["sig"]
    kid: str
    x: str


class JwkSetView(BaseModel):
    """The keys that verify an endpoint's v1a signatures now (RFC 7517)."""

    keys: list[JwkView]


class TenantSecretView(BaseModel):
    """The secret that signs for URLs that come with jobs.

    ``signing_secrets`` are all that sign now, newest first.
    """

    object: Literal["webhook_secret"]
    signing_secret_hint: str
    signing_secrets: list[SigningSecretView]


class TenantSecretRotatedView(TenantSecretView):
    """The secret was rotated: the new one is shown this once."""

    signing_secret: str


def endpoint_view(
    known: KnownEndpoint, public_url: str, signing_secret: str | None = None
) -> dict[str, Any]:
    """Return the JSON form of an endpoint: the fields of ``WebhookEndpointView``.

    Args:
        known: What is told.
        public_url: Where clients reach the API, without a final slash.
        signing_secret: If it was made just now.
    """
    endpoint, config = known.endpoint, known.endpoint.config
    signing = [one for one in known.secrets if one.kind is SecretKind.HMAC]
    shown = format_id("whe", endpoint.id)
    view: dict[str, Any] = {
        "id": shown,
        "object": "webhook_endpoint",
        "created_at": int(endpoint.created_at.timestamp()),
        "updated_at": int(endpoint.updated_at.timestamp()),
        "name": config.name,
        "url": config.url,
        "event_types": list(config.event_types),
        "signing_secret_hint": signing[0].hint if signing else None,
        "genq": {
            **_options(endpoint),
            "headers": None if known.header_names is None else list(known.header_names),
            "signing_secrets": [secret_view(one) for one in signing],
            "public_keys": [
                format_public_key(one.public_key) for one in known.secrets if one.public_key
            ],
            "jwks_url": f"{public_url}/.well-known/webhooks/{shown}/jwks.json",
            "health": _health(known.lane),
        },
    }
    return view if signing_secret is None else {**view, "signing_secret": signing_secret}


def secret_view(secret: StoredSecret) -> dict[str, Any]:
    """Return the JSON form of a secret: exactly the fields of ``SigningSecretView``."""
    return {
        "hint": secret.hint,
        "created_at": iso_ms(secret.created_at),
        "expires_at": _instant(secret.expires_at),
    }


def _options(endpoint: Endpoint) -> dict[str, Any]:
    config = endpoint.config
    disabled = endpoint.disabled_at
    return {
        "channels": None if config.channels is None else list(config.channels),
        "filter": None if config.filter is None else dict(config.filter),
        "payload": config.payload.name.lower(),
        "ordering": config.ordering.name.lower(),
        "signatures": [
            one.name.lower() for one in Signatures if one in config.signatures and one.name
        ],
        "max_in_flight": config.max_in_flight,
        "throttle_rate": config.throttle_rate,
        "timeout_s": config.timeout_s,
        "retry_schedule": None
        if config.retry_schedule is None
        else list(config.retry_schedule),
        "auth": {"kind": config.auth_kind.value},
        "metadata": dict(config.metadata or {}),
        "disabled": None
        if disabled is None
        else {"at": iso_ms(disabled), "reason": endpoint.disabled_reason or ""},
    }


def _health(lane: LaneFacts) -> dict[str, Any]:
    return {
        "breaker": lane.breaker.name.lower(),
        "failures": lane.failures,
        "failing_since": _instant(lane.failing_since),
        "last_failure_at": _instant(lane.last_failure_at),
        "last_success_at": _instant(lane.last_success_at),
        "blocked_until": _instant(lane.blocked_until),
        "delivered": lane.delivered,
        "failed": lane.failed,
        "pending": lane.pending,
    }


def _instant(at: datetime | None) -> str | None:
    return iso_ms(at) if at else None

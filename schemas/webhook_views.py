"""Registered endpoints as callers see them: OpenAI's objects, and genq's own in ``genq``.

``schemas/webhook_json.py`` fills them.
"""

from typing import Literal

from schemas.shape import Shape
from schemas.webhooks import AuthKind


class SigningSecretView(Shape):
    """A secret that signs; ``expires_at`` is null for the one that stays."""

    hint: str
    created_at: str
    expires_at: str | None


class DisabledView(Shape):
    """Since when nothing is sent, and why."""

    at: str
    reason: str


class EndpointAuthView(Shape):
    """Which credentials requests carry; they themselves are never shown."""

    kind: AuthKind


class EndpointHealthView(Shape):
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


class EndpointOptionsView(Shape):
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


class WebhookEndpointView(Shape):
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


class WebhookEndpointPage(Shape):
    """One page of endpoints, newest first. The last one's id goes into ``after``."""

    object: Literal["list"]
    data: list[WebhookEndpointView]
    has_more: bool
    next: str | None


class DeletedEndpointView(Shape):
    """An endpoint that was deleted."""

    id: str
    object: Literal["webhook_endpoint.deleted"]
    deleted: bool


class EndpointTrialView(Shape):
    """How a test was delivered: the attempt of it, and whether it was taken."""

    event_id: str
    delivered: bool
    outcome: str
    detail: str | None
    duration_ms: int


class EndpointTestView(Shape):
    """A test that was answered; ``status_code`` is what the endpoint answered with."""

    object: Literal["webhook_endpoint.test"]
    webhook_endpoint_id: str
    event_type: str
    status_code: int
    success: Literal[True]
    genq: EndpointTrialView


class EventTypeList(Shape):
    """What endpoints can ask for."""

    object: Literal["list"]
    data: list[str]


class PortalLinkView(Shape):
    """A link to one endpoint for whoever runs it; ``token`` is the API key of its page."""

    object: Literal["webhook_endpoint.portal_link"]
    url: str
    token: str
    expires_at: str


class JwkView(Shape):
    """One Ed25519 key (RFC 8037)."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    alg: Literal["EdDSA"]
    use: Literal["sig"]
    kid: str
    x: str


class JwkSetView(Shape):
    """The keys that verify an endpoint's v1a signatures now (RFC 7517)."""

    keys: list[JwkView]


class TenantSecretView(Shape):
    """The secret that signs for URLs that come with jobs.

    ``former`` are those that sign beside it for a while, newest first.
    """

    object: Literal["webhook_secret"]
    signing_secret_hint: str
    former: list[SigningSecretView]


class TenantSecretRotatedView(TenantSecretView):
    """The secret was rotated: the new one is shown this once."""

    signing_secret: str

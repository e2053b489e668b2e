"""Webhook endpoints as the SDK hands them out: how they are configured, and how they do."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from genq.json_fields import Fields
from genq.models import Json


@dataclass(frozen=True, slots=True)
class Disabled:
    """Since when nothing is sent, and why: ``failing``, ``gone``, ``asked``, or in words."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """How a receiver does; ``pending`` is counted up to 1,000.

    Attributes:
        breaker: ``closed``; ``open``: too many failures, only probes are sent; ``slow_start``.
        failures: In a row, since the last success.
        blocked_until: Nothing is sent before.
        delivered: So many deliveries in all; ``failed`` counts attempts without success.
    """

    breaker: str
    failures: int
    delivered: int
    failed: int
    pending: int
    failing_since: datetime | None = None
    last_failure_at: datetime | None = None
    last_success_at: datetime | None = None
    blocked_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """A secret that signs; ``expires_at`` is ``None`` for the one that stays."""

    hint: str
    created_at: datetime
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """A registered endpoint; ``EndpointOptions`` tells what its options mean.

    Attributes:
        signing_secret: In the answer that made it and never again; ``signing_secret_hint`` is
            its end.
        signing_secrets: All that sign now, newest first.
        headers: The names of its own headers; ``None``: the server cannot read them.
        auth: ``none``, ``basic``, ``bearer``, ``oauth2`` or ``mtls``.
        public_keys: ``whpk_…``, which verify v1a signatures; ``jwks_url`` tells them, too.
        disabled: ``None`` while it is enabled.
        health: How its receiver does.
    """

    id: str
    name: str
    url: str
    event_types: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    auth: str
    health: EndpointHealth
    signing_secret_hint: str | None = None
    signing_secret: str | None = field(default=None, repr=False)
    signing_secrets: tuple[SigningSecret, ...] = ()
    channels: tuple[str, ...] | None = None
    filter: Json | None = None
    payload: str = "thin"
    ordering: str = "job"
    signatures: tuple[str, ...] = ("v1",)
    max_in_flight: int = 4
    throttle_rate: float | None = None
    timeout_s: float = 15.0
    retry_schedule: tuple[int, ...] | None = None
    headers: tuple[str, ...] | None = ()
    metadata: Json = field(default_factory=dict[str, object])
    disabled: Disabled | None = None
    public_keys: tuple[str, ...] = ()
    jwks_url: str = ""
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)

    @property
    def enabled(self) -> bool:
        """Whether events are sent to it."""
        return self.disabled is None


@dataclass(frozen=True, slots=True)
class EndpointTest:
    """How a test was answered.

    Attributes:
        success: There was an answer; ``delivered``: it was a success.
        outcome: Such as ``success`` or ``http_500``; ``detail`` says more.
    """

    webhook_endpoint_id: str
    event_type: str
    event_id: str
    status_code: int
    success: bool
    delivered: bool
    outcome: str
    duration_ms: int
    detail: str | None = None
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class PortalLink:
    """A link to one endpoint; ``token`` is the API key of its page, shown this once."""

    url: str = field(repr=False)
    token: str = field(repr=False)
    expires_at: datetime
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class WebhookSecret:
    """What signs webhooks whose URLs come with jobs; ``former`` ones still sign beside it.

    Attributes:
        signing_secret: In the answer that made it and never again.
    """

    signing_secret_hint: str
    former: tuple[SigningSecret, ...] = ()
    signing_secret: str | None = field(default=None, repr=False)
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


def read_endpoint(found: object) -> WebhookEndpoint:
    """Return the endpoint in a decoded answer.

    Raises:
        UnexpectedAnswerError: A field that every endpoint has is missing or mistyped.
    """
    fields = Fields(found, "webhook endpoint")
    own = Fields(fields.found.get("genq"), "webhook endpoint.genq")
    auth, disabled = own.part("auth"), own.part("disabled")
    filtered = own.part("filter")
    return WebhookEndpoint(
        id=fields.text("id"),
        name=fields.text("name"),
        url=fields.text("url"),
        event_types=fields.texts("event_types"),
        created_at=_second(fields, "created_at"),
        updated_at=_second(fields, "updated_at"),
        signing_secret_hint=fields.maybe_text("signing_secret_hint"),
        signing_secret=fields.maybe_text("signing_secret"),
        signing_secrets=tuple(_secret(part) for part in own.parts("signing_secrets")),
        channels=own.maybe_texts("channels"),
        filter=filtered.found if filtered else None,
        payload=own.maybe_text("payload") or "thin",
        ordering=own.maybe_text("ordering") or "job",
        signatures=own.texts("signatures"),
        max_in_flight=own.number("max_in_flight"),
        throttle_rate=own.maybe_float("throttle_rate"),
        timeout_s=own.maybe_float("timeout_s") or 0.0,
        retry_schedule=_seconds(own, "retry_schedule"),
        headers=own.maybe_texts("headers"),
        auth=(auth.maybe_text("kind") if auth else None) or "none",
        metadata=own.mapping("metadata"),
        disabled=Disabled(disabled.moment("at"), disabled.text("reason")) if disabled else None,
        public_keys=own.texts("public_keys"),
        jwks_url=own.maybe_text("jwks_url") or "",
        health=_health(Fields(own.found.get("health"), "webhook endpoint.health")),
        raw=fields.found,
    )


def read_endpoints(found: object) -> tuple[tuple[WebhookEndpoint, ...], str | None]:
    """Return one page of endpoints and the cursor of the next, ``None`` at the end."""
    fields = Fields(found, "list")
    page = tuple(read_endpoint(part.found) for part in fields.parts("data"))
    return page, page[-1].id if page and fields.found.get("has_more") is True else None


def read_test(found: object) -> EndpointTest:
    """Return how a test was answered; errors are those of ``read_endpoint``."""
    fields = Fields(found, "webhook test")
    trial = Fields(fields.found.get("genq"), "webhook test.genq")
    return EndpointTest(
        webhook_endpoint_id=fields.text("webhook_endpoint_id"),
        event_type=fields.text("event_type"),
        event_id=trial.text("event_id"),
        status_code=fields.number("status_code"),
        success=fields.found.get("success") is True,
        delivered=trial.found.get("delivered") is True,
        outcome=trial.text("outcome"),
        duration_ms=trial.number("duration_ms"),
        detail=trial.maybe_text("detail"),
        raw=fields.found,
    )


def read_portal_link(found: object) -> PortalLink:
    """Return a link that was made; errors are those of ``read_endpoint``."""
    fields = Fields(found, "portal link")
    return PortalLink(
        fields.text("url"), fields.text("token"), fields.moment("expires_at"), fields.found
    )


def read_webhook_secret(found: object) -> WebhookSecret:
    """Return the tenant's own secret; errors are those of ``read_endpoint``."""
    fields = Fields(found, "webhook secret")
    return WebhookSecret(
        signing_secret_hint=fields.text("signing_secret_hint"),
        former=tuple(_secret(part) for part in fields.parts("former")),
        signing_secret=fields.maybe_text("signing_secret"),
        raw=fields.found,
    )


def _health(fields: Fields) -> EndpointHealth:
    return EndpointHealth(
        breaker=fields.text("breaker"),
        failures=fields.number("failures"),
        delivered=fields.number("delivered"),
        failed=fields.number("failed"),
        pending=fields.number("pending"),
        failing_since=fields.maybe_moment("failing_since"),
        last_failure_at=fields.maybe_moment("last_failure_at"),
        last_success_at=fields.maybe_moment("last_success_at"),
        blocked_until=fields.maybe_moment("blocked_until"),
    )


def _secret(fields: Fields) -> SigningSecret:
    return SigningSecret(
        fields.text("hint"), fields.moment("created_at"), fields.maybe_moment("expires_at")
    )


def _second(fields: Fields, name: str) -> datetime:
    # OpenAI's shape counts seconds; everything else of the SDK is an aware instant.
    return datetime.fromtimestamp(fields.number(name), UTC)


def _seconds(fields: Fields, name: str) -> tuple[int, ...] | None:
    value = fields.found.get(name)
    if not isinstance(value, list):
        return None
    return tuple(int(one) for one in value if isinstance(one, int))  # pyright: ignore[reportUnknownVariableType] - a list of whatever the server sent

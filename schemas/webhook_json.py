"""The JSON of registered endpoints, in the shapes of ``schemas.webhook_views``."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from schemas.ids import format_id
from schemas.job import iso_ms
from schemas.signature import format_public_key
from schemas.webhook_endpoint import NEVER_SENT_TO, Endpoint, LaneFacts, StoredSecret
from schemas.webhooks import SecretKind, Signatures


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


@dataclass(frozen=True, slots=True)
class Answered:
    """A test that an endpoint answered.

    Attributes:
        status: Of the answer.
        delivered: Whether that is a success.
    """

    event_id: UUID
    status: int
    delivered: bool
    outcome: str
    detail: str | None
    duration_ms: int


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


def test_view(trial: Answered, endpoint_id: UUID, event_type: str) -> dict[str, Any]:
    """Return the JSON form of a test: exactly the fields of ``EndpointTestView``."""
    return {
        "object": "webhook_endpoint.test",
        "webhook_endpoint_id": format_id("whe", endpoint_id),
        "event_type": event_type,
        "status_code": trial.status,
        "success": True,
        "genq": {
            "event_id": format_id("evt", trial.event_id),
            "delivered": trial.delivered,
            "outcome": trial.outcome,
            "detail": trial.detail,
            "duration_ms": trial.duration_ms,
        },
    }


def tenant_secret_view(hint: str, former: Sequence[StoredSecret]) -> dict[str, Any]:
    """Return the JSON form of a tenant's own secret: the fields of ``TenantSecretView``."""
    return {
        "object": "webhook_secret",
        "signing_secret_hint": hint,
        "former": [secret_view(one) for one in former],
    }


def jwk_view(public_key: bytes) -> dict[str, str]:
    """Return an Ed25519 key, 32 bytes, as a JWK; its id is its thumbprint (RFC 7638)."""
    x = _base64url(public_key)
    named = f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'
    kid = _base64url(hashlib.sha256(named.encode()).digest())
    return {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid, "x": x}


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode("ascii").rstrip("=")


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

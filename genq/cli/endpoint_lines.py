"""Endpoints in words: as a row of a list, and line by line."""

from collections.abc import Iterator
from datetime import datetime

from genq.cli.instants import short
from genq.webhook_endpoint_models import EndpointHealth, WebhookEndpoint

# The API counts no further.
_COUNTED = 1_000


def state_of(endpoint: WebhookEndpoint) -> str:
    """Return how it does, in a few words."""
    if endpoint.disabled:
        return f"disabled: {endpoint.disabled.reason}"
    if endpoint.health.breaker == "open":
        return "failing, only probed"
    if endpoint.health.failures:
        return "failing"
    return "ok" if endpoint.health.breaker == "closed" else "recovering"


def row_of(endpoint: WebhookEndpoint) -> tuple[str, ...]:
    """Return its cells: id, name, state, delivered, pending, url."""
    return (
        endpoint.id,
        endpoint.name,
        state_of(endpoint),
        str(endpoint.health.delivered),
        pending_of(endpoint.health),
        endpoint.url,
    )


def pending_of(health: EndpointHealth) -> str:
    """Return how many deliveries it is owed."""
    return f"{_COUNTED} or more" if health.pending >= _COUNTED else str(health.pending)


def lines_of(endpoint: WebhookEndpoint) -> Iterator[str]:
    """Yield all that is known of it."""
    facts = {
        "id": endpoint.id,
        "name": endpoint.name,
        "url": endpoint.url,
        "events": ", ".join(endpoint.event_types),
        "channels": ", ".join(endpoint.channels or ()),
        "filter": ", ".join(
            f"{name}={value}" for name, value in (endpoint.filter or {}).items()
        ),
        "state": _state(endpoint),
        "health": _health(endpoint.health),
        "sends": _manner(endpoint),
        "retries": ", ".join(f"{wait} s" for wait in endpoint.retry_schedule or ()),
        "headers": ", ".join(endpoint.headers or ()),
        "auth": endpoint.auth if endpoint.auth != "none" else "",
        "metadata": ", ".join(f"{name}={value}" for name, value in endpoint.metadata.items()),
        "secrets": _secrets(endpoint),
        "keys": endpoint.jwks_url if endpoint.public_keys else "",
        "created": short(endpoint.created_at),
    }
    for name, value in facts.items():
        if value:
            yield f"{name:<9} {value}"


def _state(endpoint: WebhookEndpoint) -> str:
    words = state_of(endpoint)
    health = endpoint.health
    if endpoint.disabled:
        return f"{words}, since {short(endpoint.disabled.at)}"
    if health.failing_since:
        words += f" since {short(health.failing_since)}, {health.failures} in a row"
    if health.blocked_until:
        words += f"; next attempt {short(health.blocked_until)}"
    return words


def _health(health: EndpointHealth) -> str:
    words = f"{health.delivered} delivered, {health.failed} failed attempts, "
    words += f"{pending_of(health)} pending"
    return (
        words
        + _last("success", health.last_success_at)
        + _last("failure", health.last_failure_at)
    )


def _last(what: str, at: datetime | None) -> str:
    return f"; last {what} {short(at)}" if at else ""


def _manner(endpoint: WebhookEndpoint) -> str:
    rate = f", {endpoint.throttle_rate:g} a second" if endpoint.throttle_rate else ""
    return (
        f"{endpoint.payload} payload, ordering {endpoint.ordering}, "
        f"{endpoint.max_in_flight} at once{rate}, {endpoint.timeout_s:g} s an attempt, "
        f"signed {'+'.join(endpoint.signatures)}"
    )


def _secrets(endpoint: WebhookEndpoint) -> str:
    return ", ".join(
        one.hint + (f" until {short(one.expires_at)}" if one.expires_at else "")
        for one in endpoint.signing_secrets
    )

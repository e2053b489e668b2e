"""What the calls about webhook endpoints say to the server, without any I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final, TypedDict

from genq.calls import Call, Exchange, found_in, good, place, query_of, sending
from genq.pages import Found
from genq.webhook_endpoint_models import (
    EndpointTest,
    PortalLink,
    WebhookEndpoint,
    read_endpoint,
    read_endpoints,
    read_portal_link,
    read_test,
)

PATH: Final = "/v1/webhook_endpoints"
# A test is answered when the endpoint has answered: 30 s at the most, and to be picked up.
_TEST_HOLD: Final = 35.0


class EndpointOptions(TypedDict, total=False):
    """What an endpoint may be told besides; ``None`` is the default, in a change too.

    Attributes:
        channels: Only events of jobs with one of these channels.
        filter: Only events of jobs whose metadata has all of this.
        payload: ``thin`` (default): ids, status and links; ``full``: outputs too, within 20 kB.
        ordering: ``job`` (default): each job's events in their order; ``fifo``: all, one at a
            time; ``none``.
        signatures: ``["v1"]`` (default), ``["v1a"]`` (Ed25519), or both.
        max_in_flight: Requests at once, 1 to 64; 4 by default.
        throttle_rate: Requests a second at the most.
        timeout_s: Seconds that one attempt may take, 1 to 30; 15 by default.
        retry_schedule: Seconds between attempts, instead of the usual ten attempts in 76 h.
        headers: What requests carry besides; never shown again.
        auth: ``{"kind": "basic", "username": …, "password": …}``, ``bearer`` with ``token``,
            ``oauth2`` with ``token_url``, ``client_id``, ``client_secret``, or ``mtls`` with
            ``certificate`` and ``key``; never shown again.
        metadata: Your own words.
    """

    channels: Sequence[str] | None
    filter: Mapping[str, str] | None
    payload: str | None
    ordering: str | None
    signatures: Sequence[str] | None
    max_in_flight: int | None
    throttle_rate: float | None
    timeout_s: float | None
    retry_schedule: Sequence[int] | None
    headers: Mapping[str, str] | None
    auth: Mapping[str, str] | None
    metadata: Mapping[str, str] | None


def endpoint_path(endpoint_id: str) -> str:
    """Return the path of an endpoint.

    Raises:
        ConfigurationError: It is no id.
    """
    return place("whe_", endpoint_id, PATH)


def whole_seconds(span: float | timedelta | None) -> int | None:
    """Return a span in the API's whole seconds, rounded."""
    seconds = span.total_seconds() if isinstance(span, timedelta) else span
    return None if seconds is None else round(seconds)


# What makes a secret is never sent twice: the answer that was lost had the only copy of it.


def create_endpoint(
    name: str, url: str, event_types: Sequence[str] | None, options: EndpointOptions
) -> Exchange[WebhookEndpoint]:
    """Register an endpoint."""
    call = sending("POST", PATH, _body(name, url, event_types, options), "the endpoint")
    return read_endpoint(found_in((yield call)))


def change_endpoint(
    endpoint_id: str,
    name: str | None,
    url: str | None,
    event_types: Sequence[str] | None,
    options: EndpointOptions,
) -> Exchange[WebhookEndpoint]:
    """Change what is given."""
    body = _body(name, url, event_types, options)
    call = sending("POST", endpoint_path(endpoint_id), body, "the endpoint")
    return read_endpoint(found_in((yield replace(call, repeatable=True))))


def _body(
    name: str | None,
    url: str | None,
    event_types: Sequence[str] | None,
    options: EndpointOptions,
) -> dict[str, object]:
    return {"name": name, "url": url, "event_types": event_types, "genq": options or None}


def rotate_endpoint(
    endpoint_id: str, grace: float | timedelta | None
) -> Exchange[WebhookEndpoint]:
    """Make a new secret."""
    # Without a word about it, OpenAI's route ends the former secrets at once.
    seconds = whole_seconds(grace)
    body = {"genq": {} if seconds is None else {"grace_seconds": seconds}}
    call = sending("POST", f"{endpoint_path(endpoint_id)}/rotate_secret", body, "the rotation")
    return read_endpoint(found_in((yield call)))


def test_endpoint(endpoint_id: str, event_type: str | None) -> Exchange[EndpointTest]:
    """Send a sample, and hold on for what it answers."""
    path, body = f"{endpoint_path(endpoint_id)}/test", {"event_type": event_type}
    call = sending("POST", path, body, "the test")
    return read_test(found_in((yield replace(call, hold=_TEST_HOLD))))


def disable_endpoint(endpoint_id: str, reason: str | None) -> Exchange[WebhookEndpoint]:
    """Let nothing be sent."""
    path, body = f"{endpoint_path(endpoint_id)}/disable", {"reason": reason}
    call = sending("POST", path, body, "the reason")
    return read_endpoint(found_in((yield replace(call, repeatable=True))))


def make_portal_link(
    endpoint_id: str, expires_in: float | timedelta | None
) -> Exchange[PortalLink]:
    """Make a link."""
    path = f"{endpoint_path(endpoint_id)}/portal_link"
    body = {"expires_in": whole_seconds(expires_in)}
    call = sending("POST", path, body, "the link")
    return read_portal_link(found_in((yield replace(call, repeatable=True))))


def ask_endpoint(method: str, endpoint_id: str, what: str = "") -> Exchange[WebhookEndpoint]:
    """Read an endpoint, or do to it what twice is once."""
    # Enabling twice is doing it once.
    call = Call(method, endpoint_path(endpoint_id) + what, repeatable=True)
    return read_endpoint(found_in((yield call)))


def delete_endpoint(endpoint_id: str) -> Exchange[None]:
    """Delete an endpoint."""
    good((yield Call("DELETE", endpoint_path(endpoint_id))))


def list_endpoints(query: Mapping[str, object]) -> Exchange[Found[WebhookEndpoint]]:
    """Read one page of endpoints, newest first."""
    return read_endpoints(found_in((yield Call("GET", PATH, query=query_of(query)))))

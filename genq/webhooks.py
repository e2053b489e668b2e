"""Webhooks in the SDK: ``client.webhooks`` of ``Genq`` and ``AsyncGenq``."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from genq.async_transport import AsyncTransport
from genq.calls import Call, Exchange, found_in, sending
from genq.endpoint_exchanges import whole_seconds
from genq.event_models import Event
from genq.json_fields import Fields
from genq.transport import Transport
from genq.webhook import verified_event
from genq.webhook_deliveries import (
    AsyncDeliveries,
    AsyncWebhookEvents,
    Deliveries,
    WebhookEvents,
)
from genq.webhook_endpoint_models import WebhookSecret, read_webhook_secret
from genq.webhook_endpoints import AsyncEndpoints, Endpoints
from genq.webhook_recoveries import AsyncRecoveries, Recoveries, begin_recovery
from genq.webhook_recovery_models import Recovery

_SECRET: Final = "/v1/webhook_secret"  # noqa: S105 - a path


class Webhooks:
    """What a sender and a receiver of webhooks need.

    Attributes:
        endpoints: Where events are sent.
        deliveries: What was sent, what is still to be sent.
        events: What is sent, as it is kept.
        recoveries: What endpoints are sent again.
    """

    def __init__(self, transport: Transport, secret: str | None = None) -> None:
        self._transport = transport
        self._secret = secret
        self.endpoints = Endpoints(transport)
        self.deliveries = Deliveries(transport)
        self.events = WebhookEvents(transport)
        self.recoveries = Recoveries(transport)

    def verify(
        self,
        body: bytes | str,
        headers: Mapping[str, str],
        secret: str | Sequence[str] | None = None,
    ) -> Event:
        """Return the event of a webhook that genq signed less than five minutes ago.

        Args:
            body: The request body exactly as received, before any parsing.
            headers: The request's headers, names in any case.
            secret: ``whsec_…``, or several; else the client's ``webhook_secret``, else
                ``GENQ_WEBHOOK_SECRET``, else that of the profile that ``genq up`` wrote.

        Raises:
            WebhookInvalidError: Not signed by this secret, changed on the way, or too old.
            ConfigurationError: No secret is known.
        """
        return verified_event(body, headers, secret or self._secret)

    def recover(
        self,
        endpoint_id: str,
        *,
        since: datetime,
        until: datetime | None = None,
        only: str | None = None,
        sample: int | None = None,
        idempotency_key: str | None = None,
    ) -> Recovery:
        """Send an endpoint the events of some time again, behind all that is live.

        Args:
            endpoint_id: The endpoint.
            since: Events from this instant on; ``until`` is the first one past the end, now if
                not given. Both are aware.
            until: See ``since``.
            only: ``failed`` (default): those whose delivery was given up; ``missing``: those
                that were never sent to it; ``all``.
            sample: Only the newest so many, to try an endpoint with.
            idempotency_key: Twice the same key is once; one is made if not given.

        Raises:
            InvalidRequestError: The span makes no sense.
            ConflictError: The endpoint is disabled.
        """
        return self._transport.run(
            begin_recovery(
                endpoint_id,
                since=since,
                until=until,
                only=only,
                sample=sample,
                idempotency_key=idempotency_key,
            )
        )

    def event_types(self) -> tuple[str, ...]:
        """Return what endpoints can ask for."""
        return self._transport.run(_event_types())

    def secret(self) -> WebhookSecret:
        """Return hints of what signs webhooks whose URLs come with jobs."""
        return self._transport.run(_show_secret())

    def rotate_secret(self, *, grace: float | timedelta | None = None) -> WebhookSecret:
        """Make a new secret for URLs that come with jobs, shown this once.

        Args:
            grace: How long the former sign beside it, a day if not given; a number is seconds.
        """
        return self._transport.run(_rotate_secret(grace))


class AsyncWebhooks:
    """The same for ``AsyncGenq``; arguments and errors are those of ``Webhooks``."""

    def __init__(self, transport: AsyncTransport, secret: str | None = None) -> None:
        self._transport = transport
        self._secret = secret
        self.endpoints = AsyncEndpoints(transport)
        self.deliveries = AsyncDeliveries(transport)
        self.events = AsyncWebhookEvents(transport)
        self.recoveries = AsyncRecoveries(transport)

    def verify(
        self,
        body: bytes | str,
        headers: Mapping[str, str],
        secret: str | Sequence[str] | None = None,
    ) -> Event:
        """Return the event of a webhook that genq signed less than five minutes ago."""
        return verified_event(body, headers, secret or self._secret)

    async def recover(
        self,
        endpoint_id: str,
        *,
        since: datetime,
        until: datetime | None = None,
        only: str | None = None,
        sample: int | None = None,
        idempotency_key: str | None = None,
    ) -> Recovery:
        """Send an endpoint the events of some time again, behind all that is live."""
        return await self._transport.run(
            begin_recovery(
                endpoint_id,
                since=since,
                until=until,
                only=only,
                sample=sample,
                idempotency_key=idempotency_key,
            )
        )

    async def event_types(self) -> tuple[str, ...]:
        """Return what endpoints can ask for."""
        return await self._transport.run(_event_types())

    async def secret(self) -> WebhookSecret:
        """Return hints of what signs webhooks whose URLs come with jobs."""
        return await self._transport.run(_show_secret())

    async def rotate_secret(self, *, grace: float | timedelta | None = None) -> WebhookSecret:
        """Make a new secret for URLs that come with jobs, shown this once."""
        return await self._transport.run(_rotate_secret(grace))


def _event_types() -> Exchange[tuple[str, ...]]:
    found = found_in((yield Call("GET", "/v1/webhook_event_types")))
    return Fields(found, "event types").texts("data")


def _show_secret() -> Exchange[WebhookSecret]:
    return read_webhook_secret(found_in((yield Call("GET", _SECRET))))


def _rotate_secret(grace: float | timedelta | None) -> Exchange[WebhookSecret]:
    body = {"grace_seconds": whole_seconds(grace)}
    # Never sent twice: the answer that was lost had the only copy of the secret.
    call = sending("POST", f"{_SECRET}/rotate", body, "the rotation")
    return read_webhook_secret(found_in((yield call)))

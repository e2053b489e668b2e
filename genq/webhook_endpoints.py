"""Webhook endpoints in the SDK: ``client.webhooks.endpoints`` of both clients."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Unpack

from genq import endpoint_exchanges as exchanges
from genq.async_transport import AsyncTransport
from genq.endpoint_exchanges import EndpointOptions
from genq.pages import AsyncPages, Page
from genq.transport import Transport
from genq.webhook_endpoint_models import EndpointTest, PortalLink, WebhookEndpoint


class Endpoints:
    """The registered endpoints of the key's owner."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        name: str,
        url: str,
        *,
        event_types: Sequence[str] | None = None,
        **options: Unpack[EndpointOptions],
    ) -> WebhookEndpoint:
        """Register an endpoint; its ``signing_secret`` is shown this once.

        Args:
            name: For people.
            url: Where events are sent.
            event_types: Exact, or a family such as ``job.*``; else the ends of jobs.
            options: ``ordering="fifo"``, ``channels=["invoices"]``… as ``EndpointOptions`` has.

        Raises:
            InvalidRequestError: A value is wrong, or the URL may not be reached.
            ConflictError: There are as many endpoints as there may be.
        """
        return self._transport.run(exchanges.create_endpoint(name, url, event_types, options))

    def list(
        self, *, limit: int | None = None, after: str | None = None
    ) -> Page[WebhookEndpoint]:
        """Return endpoints, newest first: iterate over the page to get them all."""
        query = {"limit": limit, "after": after}
        return Page(lambda wanted: self._transport.run(exchanges.list_endpoints(wanted)), query)

    def get(self, endpoint_id: str) -> WebhookEndpoint:
        """Return an endpoint: how it is configured, and how its receiver does.

        Raises:
            NotFoundError: There is no such endpoint.
        """
        return self._transport.run(exchanges.ask_endpoint("GET", endpoint_id))

    def update(
        self,
        endpoint_id: str,
        *,
        name: str | None = None,
        url: str | None = None,
        event_types: Sequence[str] | None = None,
        **options: Unpack[EndpointOptions],
    ) -> WebhookEndpoint:
        """Change what is given; an option that is ``None`` is the default again."""
        return self._transport.run(
            exchanges.change_endpoint(endpoint_id, name, url, event_types, options)
        )

    def delete(self, endpoint_id: str) -> None:
        """Delete it; what it is owed is not sent any more."""
        self._transport.run(exchanges.delete_endpoint(endpoint_id))

    def rotate_secret(
        self, endpoint_id: str, *, grace: float | timedelta | None = None
    ) -> WebhookEndpoint:
        """Make a new secret, shown in ``signing_secret`` this once.

        Args:
            endpoint_id: The endpoint.
            grace: How long former secrets sign beside it, a day if not given, a week at the
                most; a number is seconds.
        """
        return self._transport.run(exchanges.rotate_endpoint(endpoint_id, grace))

    def test(self, endpoint_id: str, *, event_type: str | None = None) -> EndpointTest:
        """Send a sample, also to an endpoint that is disabled, and return what it answered.

        Raises:
            InvalidRequestError: It did not answer (``webhook_test_failed``); the message says
                why.
            UnavailableError: No delivery process sent it in time.
        """
        return self._transport.run(exchanges.test_endpoint(endpoint_id, event_type))

    def enable(self, endpoint_id: str) -> WebhookEndpoint:
        """Let events be sent again; those that waited are sent first."""
        return self._transport.run(exchanges.ask_endpoint("POST", endpoint_id, "/enable"))

    def disable(self, endpoint_id: str, *, reason: str | None = None) -> WebhookEndpoint:
        """Let nothing be sent; what is owed already waits, for 76 hours at most."""
        return self._transport.run(exchanges.disable_endpoint(endpoint_id, reason))

    def portal_link(
        self, endpoint_id: str, *, expires_in: float | timedelta | None = None
    ) -> PortalLink:
        """Make a link for whoever runs the endpoint: to look, resend, and rotate its secret.

        Args:
            endpoint_id: The endpoint.
            expires_in: An hour if not given, a week at the most; a number is seconds.
        """
        return self._transport.run(exchanges.make_portal_link(endpoint_id, expires_in))

    def revoke_portal_links(self, endpoint_id: str) -> WebhookEndpoint:
        """End all links that were made."""
        return self._transport.run(
            exchanges.ask_endpoint("POST", endpoint_id, "/portal_link/revoke")
        )


class AsyncEndpoints:
    """The same for ``AsyncGenq``; arguments and errors are those of ``Endpoints``."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(
        self,
        name: str,
        url: str,
        *,
        event_types: Sequence[str] | None = None,
        **options: Unpack[EndpointOptions],
    ) -> WebhookEndpoint:
        """Register an endpoint; its ``signing_secret`` is shown this once."""
        return await self._transport.run(
            exchanges.create_endpoint(name, url, event_types, options)
        )

    def list(
        self, *, limit: int | None = None, after: str | None = None
    ) -> AsyncPages[WebhookEndpoint]:
        """Return endpoints, newest first: iterate over the page to get them all."""
        query = {"limit": limit, "after": after}
        return AsyncPages(
            lambda wanted: self._transport.run(exchanges.list_endpoints(wanted)), query
        )

    async def get(self, endpoint_id: str) -> WebhookEndpoint:
        """Return an endpoint: how it is configured, and how its receiver does."""
        return await self._transport.run(exchanges.ask_endpoint("GET", endpoint_id))

    async def update(
        self,
        endpoint_id: str,
        *,
        name: str | None = None,
        url: str | None = None,
        event_types: Sequence[str] | None = None,
        **options: Unpack[EndpointOptions],
    ) -> WebhookEndpoint:
        """Change what is given; an option that is ``None`` is the default again."""
        return await self._transport.run(
            exchanges.change_endpoint(endpoint_id, name, url, event_types, options)
        )

    async def delete(self, endpoint_id: str) -> None:
        """Delete it; what it is owed is not sent any more."""
        await self._transport.run(exchanges.delete_endpoint(endpoint_id))

    async def rotate_secret(
        self, endpoint_id: str, *, grace: float | timedelta | None = None
    ) -> WebhookEndpoint:
        """Make a new secret, shown in ``signing_secret`` this once."""
        return await self._transport.run(exchanges.rotate_endpoint(endpoint_id, grace))

    async def test(self, endpoint_id: str, *, event_type: str | None = None) -> EndpointTest:
        """Send a sample, also to an endpoint that is disabled, and return what it answered."""
        return await self._transport.run(exchanges.test_endpoint(endpoint_id, event_type))

    async def enable(self, endpoint_id: str) -> WebhookEndpoint:
        """Let events be sent again; those that waited are sent first."""
        return await self._transport.run(exchanges.ask_endpoint("POST", endpoint_id, "/enable"))

    async def disable(self, endpoint_id: str, *, reason: str | None = None) -> WebhookEndpoint:
        """Let nothing be sent; what is owed already waits, for 76 hours at most."""
        return await self._transport.run(exchanges.disable_endpoint(endpoint_id, reason))

    async def portal_link(
        self, endpoint_id: str, *, expires_in: float | timedelta | None = None
    ) -> PortalLink:
        """Make a link for whoever runs the endpoint: to look, resend, and rotate its secret."""
        return await self._transport.run(exchanges.make_portal_link(endpoint_id, expires_in))

    async def revoke_portal_links(self, endpoint_id: str) -> WebhookEndpoint:
        """End all links that were made."""
        return await self._transport.run(
            exchanges.ask_endpoint("POST", endpoint_id, "/portal_link/revoke")
        )

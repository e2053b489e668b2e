"""Deliveries and kept events in the SDK: ``client.webhooks.deliveries`` and ``.events``."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, TypedDict, Unpack

from genq.async_transport import AsyncTransport
from genq.calls import IDEMPOTENCY_KEY, Call, Exchange, found_in, place, query_of
from genq.endpoint_exchanges import endpoint_path
from genq.exchanges import new_key
from genq.job_requests import Words
from genq.pages import AsyncPages, Found, Page
from genq.transport import Transport
from genq.webhook_delivery_models import (
    Delivery,
    ErasedEvent,
    WebhookEvent,
    read_deliveries,
    read_delivery,
    read_erased,
    read_webhook_event,
)

_PATH: Final = "/v1/webhook_deliveries"
_EVENTS: Final = "/v1/webhook_events"


class DeliveryFilter(TypedDict, total=False):
    """Which deliveries of a list are wanted: one must fit all that is given.

    Attributes:
        status: One of these: ``pending``, ``delivered``, ``exhausted``, ``discarded``,
            ``superseded``.
        outcome: Of its newest attempt, such as ``timeout``; as are ``status_code``, ``trigger``
            and when it started.
        created_after: At this instant or later; ``created_before`` is earlier than it.
        started_after: The newest attempt; so is ``started_before``.
    """

    endpoint_id: str | None
    event_id: str | None
    job_id: str | None
    event_type: str | None
    status: Words | None
    outcome: str | None
    status_code: int | None
    trigger: str | None
    created_after: datetime | None
    created_before: datetime | None
    started_after: datetime | None
    started_before: datetime | None


class Deliveries:
    """What was sent to receivers, and what is still to be sent."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        limit: int | None = None,
        after: str | None = None,
        **filters: Unpack[DeliveryFilter],
    ) -> Page[Delivery]:
        """Return deliveries, newest first: iterate over the page to get them all.

        Args:
            limit: Deliveries per page.
            after: Where to go on: the ``next`` of a page.
            filters: ``endpoint_id="whe_…"``, ``status="exhausted"``…: all must fit.
        """
        query = {"limit": limit, "after": after, **filters}
        return Page(lambda wanted: self._transport.run(_page(wanted)), query)

    def get(self, delivery_id: str, *, endpoint_id: str | None = None) -> Delivery:
        """Return a delivery with its attempts.

        Args:
            delivery_id: The delivery.
            endpoint_id: Its endpoint: needed where the key is that of a portal link.

        Raises:
            NotFoundError: There is no such delivery.
        """
        return self._transport.run(_get(delivery_id, endpoint_id))

    def resend(
        self,
        delivery_id: str,
        *,
        endpoint_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> Delivery:
        """Send it once more now, whatever became of it; the bytes and the id stay the same.

        Args:
            delivery_id: The delivery.
            endpoint_id: As of ``get``.
            idempotency_key: Twice the same key is once; one is made if not given.

        Raises:
            ConflictError: Its content was deleted, or its endpoint is gone or disabled.
        """
        return self._transport.run(_resend(delivery_id, endpoint_id, idempotency_key))


class AsyncDeliveries:
    """The same for ``AsyncGenq``; arguments and errors are those of ``Deliveries``."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        limit: int | None = None,
        after: str | None = None,
        **filters: Unpack[DeliveryFilter],
    ) -> AsyncPages[Delivery]:
        """Return deliveries, newest first: iterate over the page to get them all."""
        query = {"limit": limit, "after": after, **filters}
        return AsyncPages(lambda wanted: self._transport.run(_page(wanted)), query)

    async def get(self, delivery_id: str, *, endpoint_id: str | None = None) -> Delivery:
        """Return a delivery with its attempts."""
        return await self._transport.run(_get(delivery_id, endpoint_id))

    async def resend(
        self,
        delivery_id: str,
        *,
        endpoint_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> Delivery:
        """Send it once more now, whatever became of it; the bytes and the id stay the same."""
        return await self._transport.run(_resend(delivery_id, endpoint_id, idempotency_key))


class WebhookEvents:
    """Events as they are kept and sent."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, event_id: str) -> WebhookEvent:
        """Return an event: the text that is sent, and to whom it went.

        Raises:
            NotFoundError: There is no such event, or it is older than what is kept.
        """
        return self._transport.run(_event(event_id))

    def erase(self, event_id: str) -> ErasedEvent:
        """Delete an event's content for good; what waits to be sent of it is discarded."""
        return self._transport.run(_erase(event_id))


class AsyncWebhookEvents:
    """The same for ``AsyncGenq``; arguments and errors are those of ``WebhookEvents``."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def get(self, event_id: str) -> WebhookEvent:
        """Return an event: the text that is sent, and to whom it went."""
        return await self._transport.run(_event(event_id))

    async def erase(self, event_id: str) -> ErasedEvent:
        """Delete an event's content for good; what waits to be sent of it is discarded."""
        return await self._transport.run(_erase(event_id))


def _page(query: Mapping[str, object]) -> Exchange[Found[Delivery]]:
    wanted = {**query}
    endpoint_id = wanted.pop("endpoint_id", None)
    call = Call("GET", _path(str(endpoint_id or "") or None), query=query_of(wanted))
    return read_deliveries(found_in((yield call)))


def _get(delivery_id: str, endpoint_id: str | None) -> Exchange[Delivery]:
    call = Call("GET", place("whd_", delivery_id, _path(endpoint_id)))
    return read_delivery(found_in((yield call)))


def _resend(
    delivery_id: str, endpoint_id: str | None, idempotency_key: str | None
) -> Exchange[Delivery]:
    headers = {IDEMPOTENCY_KEY: idempotency_key or new_key()}
    path = f"{place('whd_', delivery_id, _path(endpoint_id))}/resend"
    return read_delivery(found_in((yield Call("POST", path, headers=headers))))


def _path(endpoint_id: str | None) -> str:
    # Who has a portal link may look at what belongs to its endpoint, and at nothing else.
    return _PATH if endpoint_id is None else f"{endpoint_path(endpoint_id)}/deliveries"


def _event(event_id: str) -> Exchange[WebhookEvent]:
    return read_webhook_event(found_in((yield Call("GET", place("evt_", event_id, _EVENTS)))))


def _erase(event_id: str) -> Exchange[ErasedEvent]:
    call = Call("DELETE", f"{place('evt_', event_id, _EVENTS)}/content")
    return read_erased(found_in((yield call)))

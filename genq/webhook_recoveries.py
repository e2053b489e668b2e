"""Recoveries in the SDK: ``client.webhooks.recover`` and ``client.webhooks.recoveries``."""

from collections.abc import Mapping
from datetime import datetime

from genq.async_transport import AsyncTransport
from genq.calls import Call, Exchange, found_in, place, query_of, sending
from genq.endpoint_exchanges import endpoint_path
from genq.exchanges import new_key
from genq.pages import AsyncPages, Found, Page
from genq.transport import Transport
from genq.webhook_recovery_models import Recovery, read_recoveries, read_recovery


class Recoveries:
    """The recoveries of endpoints."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self, endpoint_id: str, *, limit: int | None = None, after: str | None = None
    ) -> Page[Recovery]:
        """Return an endpoint's recoveries, newest first: iterate over the page for all."""
        query = {"limit": limit, "after": after}
        return Page(lambda wanted: self._transport.run(_page(endpoint_id, wanted)), query)

    def get(self, endpoint_id: str, recovery_id: str) -> Recovery:
        """Return a recovery, and how far it is.

        Raises:
            NotFoundError: There is no such recovery.
        """
        return self._transport.run(_one("GET", endpoint_id, recovery_id))

    def cancel(self, endpoint_id: str, recovery_id: str) -> Recovery:
        """Queue no more of it; what is queued already is sent."""
        return self._transport.run(_one("POST", endpoint_id, recovery_id, "/cancel"))


class AsyncRecoveries:
    """The same for ``AsyncGenq``; arguments and errors are those of ``Recoveries``."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    def list(
        self, endpoint_id: str, *, limit: int | None = None, after: str | None = None
    ) -> AsyncPages[Recovery]:
        """Return an endpoint's recoveries, newest first: iterate over the page for all."""
        query = {"limit": limit, "after": after}
        return AsyncPages(lambda wanted: self._transport.run(_page(endpoint_id, wanted)), query)

    async def get(self, endpoint_id: str, recovery_id: str) -> Recovery:
        """Return a recovery, and how far it is."""
        return await self._transport.run(_one("GET", endpoint_id, recovery_id))

    async def cancel(self, endpoint_id: str, recovery_id: str) -> Recovery:
        """Queue no more of it; what is queued already is sent."""
        return await self._transport.run(_one("POST", endpoint_id, recovery_id, "/cancel"))


def begin_recovery(
    endpoint_id: str,
    *,
    since: datetime,
    until: datetime | None,
    only: str | None,
    sample: int | None,
    idempotency_key: str | None,
) -> Exchange[Recovery]:
    """Ask for events to be sent again, under an idempotency key in any case."""
    path = f"{endpoint_path(endpoint_id)}/recover"
    body = {"since": since, "until": until, "only": only, "sample": sample}
    call = sending("POST", path, body, "the recovery", key=idempotency_key or new_key())
    return read_recovery(found_in((yield call)))


def _page(endpoint_id: str, query: Mapping[str, object]) -> Exchange[Found[Recovery]]:
    path = f"{endpoint_path(endpoint_id)}/recoveries"
    return read_recoveries(found_in((yield Call("GET", path, query=query_of(query)))))


def _one(method: str, endpoint_id: str, recovery_id: str, what: str = "") -> Exchange[Recovery]:
    path = place("whr_", recovery_id, f"{endpoint_path(endpoint_id)}/recoveries")
    # Cancelling twice is cancelling once.
    return read_recovery(found_in((yield Call(method, path + what, repeatable=True))))

"""The tenant's feed of terminal events: a page, held until there is one, or a stream."""

import asyncio
import contextlib
from collections.abc import Generator
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.engine import transaction
from infra.postgres.feed import START, Cursor, FeedPage, feed_now, is_expired, read_feed
from infra.postgres.tenants import Tenant
from producer.api.bodies import encode
from producer.api.feed_query import FeedQuery, read_feed_query
from producer.api.live_stream import EventStream, frame, hang_up
from producer.api.services import Services
from schemas.errors import DatabaseUnavailableError
from schemas.feed_errors import CursorExpiredError

_JSON: Final = "application/json"
_RETRY_SECONDS: Final = 1.0


async def read_events(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with the events behind a cursor.

    Raises:
        CursorExpiredError: Retention took events that stood behind the cursor.
    """
    query = read_feed_query(request.query_params, request.headers)
    after = await _beginning(services, tenant, query)
    if query.stream:
        return EventStream(_following(services, tenant, query, after))
    page = await _page(services, tenant, query, after)
    if not page.events and query.wait:
        page = await _awaited(services, tenant, query, page.next, request)
    body = {
        "object": "list",
        "data": [orjson.Fragment(event.body) for event in page.events],
        "has_more": page.has_more,
        "next": str(page.next),
    }
    return Response(encode(body), 200, {"cache-control": "no-store"}, _JSON)


async def _beginning(services: Services, tenant: Tenant, query: FeedQuery) -> Cursor:
    if query.after is None and not query.from_now:
        return START
    async with transaction(services.engine) as connection:
        if query.after is None:
            return await feed_now(connection)
        if await is_expired(connection, tenant.id, query.after):
            raise CursorExpiredError(
                "events behind this cursor are older than what is kept, and gone: list the "
                "jobs that ended meanwhile (GET /v1/jobs), and begin anew without a cursor "
                "for the oldest event that is kept, or with after=now"
            )
    return query.after


async def _page(
    services: Services, tenant: Tenant, query: FeedQuery, after: Cursor
) -> FeedPage:
    async with transaction(services.engine) as connection:
        return await read_feed(
            connection, tenant.id, after, limit=query.limit, types=query.types
        )


async def _awaited(
    services: Services, tenant: Tenant, query: FeedQuery, after: Cursor, request: Request
) -> FeedPage:
    """Return the first page with an event, or an empty one when the time is over."""
    loop = asyncio.get_running_loop()
    give_up = loop.time() + query.wait
    with services.feeds.following(tenant.id) as rung:
        left = asyncio.create_task(hang_up(request.receive, rung))
        try:
            while True:
                rung.clear()
                page = await _page(services, tenant, query, after)
                over = services.feeds.closing or left.done() or loop.time() >= give_up
                if page.events or over:
                    return page
                after = page.next
                if page.has_more:
                    continue
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(give_up):
                        await rung.wait()
        finally:
            left.cancel()


@contextlib.contextmanager
def _following(
    services: Services, tenant: Tenant, query: FeedQuery, after: Cursor
) -> Generator["_Follower"]:
    with services.feeds.following(tenant.id) as rung:
        yield _Follower(services, tenant, query, after, rung)


class _Follower:
    """One client of the feed's stream, and how far it has heard."""

    def __init__(
        self,
        services: Services,
        tenant: Tenant,
        query: FeedQuery,
        after: Cursor,
        rung: asyncio.Event,
    ) -> None:
        self.rung = rung
        self.over = False
        self._services = services
        self._tenant = tenant
        self._query = query
        self._after = after

    async def take(self) -> bytes:
        self.over = self._services.feeds.closing
        try:
            page = await _page(self._services, self._tenant, self._query, self._after)
        except DatabaseUnavailableError:
            asyncio.get_running_loop().call_later(_RETRY_SECONDS, self.rung.set)
            return b""
        self._after = page.next
        if page.has_more:
            self.rung.set()
        return b"".join(frame(e.type, str(e.cursor), e.body) for e in page.events)

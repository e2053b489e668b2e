"""A tenant is told what becomes of its endpoints and deliveries: once, or not at all."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.clock import SystemClock
from infra.new_ids import new_key
from infra.notices import LaneNews, NoticedDelivery, write_lane_news
from infra.postgres.tenants import ensure_tenant
from infra.settings import Settings
from schemas.events import EventType
from schemas.ids import format_id
from schemas.webhooks import DisabledReason
from tests.fixtures.deliveries import SECRET, Deliveries, open_deliveries
from tests.fixtures.endpoints import Made, make_endpoint

NOW = SystemClock().now()
ORIGIN = "https://acme.test"


def play(settings: Settings, scene: Callable[[Deliveries], Awaitable[None]]) -> None:
    async def run() -> None:
        async with open_deliveries(settings) as deliveries:
            await scene(deliveries)

    asyncio.run(run())


async def endpoint(deliveries: Deliveries, *types: str, tenant: str = "acme") -> Made:
    async with deliveries.observer.begin() as connection:
        owner = await ensure_tenant(connection, tenant, max_inflight=9, webhook_secret=SECRET)
        return await make_endpoint(
            connection, owner.id, f"{ORIGIN}/hush?token=sesame", event_types=types, name="CRM"
        )


def news(
    made: Made, *types: EventType, disable: DisabledReason | None = None, revision: int = 1
) -> LaneNews:
    return LaneNews(
        tenant_id=made.endpoint.tenant_id,
        endpoint_id=made.id,
        revision=revision,
        origin=ORIGIN,
        types=types,
        disable=disable,
        delivery=NoticedDelivery(
            new_key(), new_key(), "job.failed", new_key(), 4, "http_500", 500
        ),
        failures=7,
        failing_since=NOW - timedelta(days=5),
    )


async def write(deliveries: Deliveries, *told: LaneNews) -> int:
    async with deliveries.observer.begin() as connection:
        return await write_lane_news(connection, told, at=NOW)


async def events(deliveries: Deliveries) -> list[tuple[UUID, dict[str, Any]]]:
    """Return what is owed: to which endpoint, and the event."""
    rows = await deliveries.execute(
        "SELECT d.endpoint_id, o.body FROM delivery d JOIN outbox o ON o.id = d.event_id"
        " ORDER BY d.id"
    )
    return [(row.endpoint_id, json.loads(bytes(row.body))) for row in rows]


def test_however_many_processes_see_it_an_endpoint_is_disabled_once_and_told_of_once(
    settings: Settings,
) -> None:
    async def scene(deliveries: Deliveries) -> None:
        dead = await endpoint(deliveries, "job.*")
        listener = await endpoint(deliveries, "endpoint.disabled")
        await asyncio.gather(
            *[write(deliveries, news(dead, disable=DisabledReason.FAILING)) for _ in range(8)]
        )
        [told] = await events(deliveries)
        assert told[0] == listener.id
        assert told[1]["type"] == "endpoint.disabled"
        data = told[1]["data"]
        assert data["endpoint"] == {"id": dead.shown, "name": "CRM"}
        assert (data["reason"], data["failures"]) == ("failing", 7)
        assert data["delivery"]["outcome"] == "http_500"
        # The path of a URL may be a secret.
        assert "sesame" not in json.dumps(told[1])
        [row] = await deliveries.execute(
            "SELECT * FROM webhook_endpoint WHERE id = :id", id=dead.id
        )
        assert row.disabled_at is not None
        assert (row.disabled_reason, row.revision) == ("failing", 2)

    play(settings, scene)


def test_an_endpoint_that_was_changed_meanwhile_is_judged_anew(settings: Settings) -> None:
    async def scene(deliveries: Deliveries) -> None:
        dead = await endpoint(deliveries, "job.*")
        await deliveries.execute("UPDATE webhook_endpoint SET revision = 2, url = 'https://b'")
        await write(deliveries, news(dead, disable=DisabledReason.GONE))
        [row] = await deliveries.execute("SELECT disabled_at FROM webhook_endpoint")
        assert row.disabled_at is None

    play(settings, scene)


def test_what_an_attempt_brought_about_is_undone_with_it(settings: Settings) -> None:
    async def scene(deliveries: Deliveries) -> None:
        dead = await endpoint(deliveries, "job.*")
        await endpoint(deliveries, "endpoint.*")

        async def fail(connection: AsyncConnection) -> None:
            told = news(dead, EventType.DELIVERY_FAILING, disable=DisabledReason.GONE)
            assert await write_lane_news(connection, [told], at=NOW) == 1
            raise LookupError

        try:
            async with deliveries.observer.begin() as connection:
                await fail(connection)
        except LookupError:
            pass
        assert await events(deliveries) == []
        rows = await deliveries.execute("SELECT disabled_at FROM webhook_endpoint")
        assert [row.disabled_at for row in rows] == [None, None]

    play(settings, scene)


def test_notices_go_to_those_endpoints_of_the_tenant_that_ask_for_them(
    settings: Settings,
) -> None:
    async def scene(deliveries: Deliveries) -> None:
        failing = await endpoint(deliveries, "delivery.failing")
        both = await endpoint(deliveries, "delivery.*", "endpoint.*")
        await endpoint(deliveries, "job.*")
        await endpoint(deliveries, "delivery.failing", tenant="other")
        made = await write(
            deliveries,
            news(failing, EventType.DELIVERY_FAILING),
            news(failing, EventType.DELIVERY_RECOVERED, EventType.ENDPOINT_RECOVERED),
        )
        told = [(key, event["type"]) for key, event in await events(deliveries)]
        assert made == 4
        assert sorted(told, key=str) == sorted(
            [
                (failing.id, "delivery.failing"),
                (both.id, "delivery.failing"),
                (both.id, "delivery.recovered"),
                (both.id, "endpoint.recovered"),
            ],
            key=str,
        )
        lanes = await deliveries.execute("SELECT next_due_at FROM webhook_lane")
        assert len(lanes) == 2
        assert all(lane.next_due_at is not None for lane in lanes)

    play(settings, scene)


def test_a_notice_that_nobody_asks_for_is_not_written(settings: Settings) -> None:
    async def scene(deliveries: Deliveries) -> None:
        dead = await endpoint(deliveries, "job.*", "endpoint.disabled")
        assert await write(deliveries, news(dead, EventType.DELIVERY_FAILING)) == 0
        # It is disabled itself: it will never hear of it.
        assert await write(deliveries, news(dead, disable=DisabledReason.ASKED)) == 0
        rows = await deliveries.execute("SELECT 1 FROM outbox WHERE kind = 4")
        assert len(rows) == 0

    play(settings, scene)


def test_a_notice_tells_of_the_delivery_by_ids_that_the_api_takes(settings: Settings) -> None:
    async def scene(deliveries: Deliveries) -> None:
        made = await endpoint(deliveries, "delivery.*")
        told = news(made, EventType.DELIVERY_EXHAUSTED)
        await write(deliveries, told)
        [(_, event)] = await events(deliveries)
        assert told.delivery.job_id is not None
        assert event["data"]["delivery"] == {
            "id": format_id("whd", told.delivery.id),
            "event_id": format_id("evt", told.delivery.event_id),
            "event_type": "job.failed",
            "job_id": format_id("job", told.delivery.job_id),
            "attempts": 4,
            "outcome": "http_500",
            "status": 500,
        }

    play(settings, scene)

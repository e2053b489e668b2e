"""What is left of webhooks is cleared away, and a delivery that nobody tries still ends."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

from infra.settings import Settings
from producer.dispatcher.webhook_house import keep_webhook_house
from tests.fixtures.deliveries import Deliveries, open_deliveries
from tests.fixtures.endpoints import make_endpoint

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def play(settings: Settings, scene: Callable[[Deliveries], Awaitable[None]]) -> None:
    async def run() -> None:
        async with open_deliveries(settings) as deliveries:
            await scene(deliveries)

    asyncio.run(run())


async def keep_house(deliveries: Deliveries) -> None:
    await keep_webhook_house(deliveries.observer)


async def endpoint(
    deliveries: Deliveries, *, types: tuple[str, ...] = (), disabled: str | None = None
) -> UUID:
    """Put in an endpoint of the tenant that owes."""
    [tenant] = await deliveries.execute("SELECT id FROM tenant WHERE name = 'acme'")
    async with deliveries.observer.begin() as connection:
        made = await make_endpoint(
            connection, tenant.id, "https://acme.test/", event_types=types, disabled=disabled
        )
    return made.id


async def owe_long_ago(
    deliveries: Deliveries, endpoint_id: UUID | None = None, *, age: timedelta = 77 * HOUR
) -> UUID:
    """Put in a delivery as it would be now if it had been made then."""
    [owing] = await deliveries.owe("https://acme.test/hook")
    [row] = await deliveries.execute(
        "UPDATE delivery SET id = uuidv7(- CAST(:age AS interval)), endpoint_id = :endpoint,"
        " created_at = now() - CAST(:age AS interval), fence = 3 WHERE id = :id RETURNING id",
        age=age,
        endpoint=endpoint_id,
        id=owing.delivery_id,
    )
    return row.id


def test_what_nobody_could_send_for_76_hours_ends_and_is_told_of(
    settings: Settings,
) -> None:
    async def scene(deliveries: Deliveries) -> None:
        late = await owe_long_ago(deliveries)
        off = await endpoint(deliveries, disabled="gone")
        discarded = await owe_long_ago(deliveries, off)
        listener = await endpoint(deliveries, types=("delivery.*",))
        # Nobody looks at its lane any more.
        await deliveries.execute("UPDATE webhook_lane SET next_due_at = NULL")
        await deliveries.loop().look()

        ended = {row.delivery_id: row for row in await deliveries.attempts()}
        assert ended.keys() == {late, discarded}
        assert (ended[late].n, ended[late].outcome, ended[late].ended) == (4, "exhausted", 2)
        assert (ended[discarded].outcome, ended[discarded].ended) == ("discarded", 3)
        # Who disabled an endpoint knows that it gets nothing.
        [row] = await deliveries.rows()
        assert row.endpoint_id == listener
        [event] = await deliveries.execute(
            "SELECT type, body FROM outbox WHERE id = :id", id=row.event_id
        )
        assert event.type == "delivery.exhausted"
        data = json.loads(bytes(event.body))["data"]
        assert (data["endpoint"], data["origin"]) == (None, "https://acme.test")
        assert data["delivery"]["attempts"] == 3
        assert data["delivery"]["event_type"] == "job.succeeded"

    play(settings, scene)


def test_expired_secrets_idle_lanes_and_old_recoveries_are_forgotten(
    settings: Settings,
) -> None:
    async def scene(deliveries: Deliveries) -> None:
        await deliveries.owe("https://acme.test/hook")
        await endpoint(deliveries)
        await deliveries.execute(
            "INSERT INTO webhook_secret (tenant_id, endpoint_id, kind, sealed, hint,"
            " expires_at) SELECT tenant_id, id, 1, '', hint, now() + left_of"
            " FROM webhook_endpoint, (VALUES ('over', interval '-1 s'),"
            " ('left', interval '1 h')) v(hint, left_of)"
        )
        await deliveries.execute(
            "INSERT INTO webhook_lane (id, tenant_id, endpoint_id, origin, next_due_at,"
            " last_success_at) SELECT v.id, tenant_id, CASE WHEN of_endpoint THEN e.id END, '',"
            " next_due_at, now() - ago FROM webhook_endpoint e, (VALUES"
            " (1, false, NULL, interval '8 days'), (2, false, NULL, interval '6 days'),"
            " (3, false, now(), interval '8 days'), (4, true, NULL, interval '8 days'))"
            " v(id, of_endpoint, next_due_at, ago)"
        )
        await deliveries.execute(
            "UPDATE webhook_lane l SET next_due_at = NULL, last_failure_at = now() -"
            " interval '8 days' FROM delivery d WHERE d.lane_id = l.id"
        )
        [owed] = await deliveries.rows()
        await deliveries.execute(
            "INSERT INTO webhook_recovery (tenant_id, endpoint_id, since, until, only_,"
            " finished_at) SELECT tenant_id, id, now(), now(), 'all', now() - ago"
            " FROM webhook_endpoint, (VALUES (interval '31 days'), (interval '29 days'),"
            " (NULL)) v(ago)"
        )
        await keep_house(deliveries)
        secrets = await deliveries.execute("SELECT hint FROM webhook_secret ORDER BY hint")
        assert "over" not in {row.hint for row in secrets}
        assert "left" in {row.hint for row in secrets}
        lanes = {row.id for row in await deliveries.execute("SELECT id FROM webhook_lane")}
        assert lanes == {2, 3, 4, owed.lane_id}
        assert len(await deliveries.execute("SELECT 1 FROM webhook_recovery")) == 2

    play(settings, scene)

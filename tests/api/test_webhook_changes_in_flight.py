"""What becomes of deliveries while their endpoint is edited or deleted under them."""

from typing import Any, Final

from sqlalchemy import text

from infra.doorbells import DELIVER
from infra.new_ids import new_key
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.publish import Publication, publish_events
from infra.settings import Settings
from schemas.events import OutboxKind
from schemas.ids import format_id
from tests.api.served import Served, run
from tests.api.test_webhook_endpoints_sdk import inside
from tests.api.webhook_endpoints import ENDPOINTS, changed, made, rows
from tests.fixtures.delivering import delivering
from tests.fixtures.receiver import Answer, Receiver
from tests.fixtures.until import until
from tests.fixtures.verifying import know
from worker.delivery.loop import DeliveryLoop

EVENTS: Final = 160
IN_FLIGHT: Final = 64


async def publish(api: Served, times: int, kind: str = "job.failed") -> set[str]:
    """Owe so many events to whoever asks for them; return their ids."""
    engine = whole_transactions(api.services.engine)
    async with transaction(engine) as connection:
        of = text("SELECT id FROM tenant WHERE name = 'acme'")
        tenant = (await connection.execute(of)).scalar_one()
        told = [
            Publication(
                id=new_key(),
                tenant_id=tenant,
                kind=OutboxKind.TERMINAL,
                type=kind,
                body=b'{"type":"job.failed"}',
            )
            for _ in range(times)
        ]
        await publish_events(connection, told)
    await api.services.doorbells.ring(DELIVER)
    return {format_id("evt", one.id) for one in told}


async def registered(api: Served, url: str, event_type: str) -> dict[str, Any]:
    wide = {"max_in_flight": IN_FLIGHT, "ordering": "none", "timeout_s": 30}
    endpoint = await made(api, url=url, event_types=[event_type], genq=wide)
    know(endpoint["signing_secret"])
    return endpoint


def ids_at(receiver: Receiver) -> set[str]:
    return {one.headers["webhook-id"] for one in receiver.requests}


def urls_of(delivery: DeliveryLoop) -> set[str]:
    """Return where the process knows that its lanes lead."""
    return {lane.receiver.url for lane in vars(delivery)["_lanes"]}


def test_an_edited_endpoint_is_sent_nothing_at_its_old_url_after_one_attempt(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        async with (
            Receiver(otherwise=Answer(hang=True)) as old,
            Receiver() as new,
            delivering(api.services.settings) as delivery,
        ):
            endpoint = await registered(api, old.url, "job.failed")
            owed = await publish(api, EVENTS)
            await old.wait_for(IN_FLIGHT)

            await changed(api, endpoint, url=new.url)
            await until(lambda: urls_of(delivery) == {new.url}, "the change is known")
            old.release()
            await until(lambda: ids_at(old) | ids_at(new) == owed, "all are told")
            # What was in flight, and nothing of what was fetched ahead.
            assert len(old.requests) == IN_FLIGHT
            assert len(new.requests) == EVENTS - IN_FLIGHT
            later = await publish(api, 3)
            await until(lambda: later <= ids_at(new), "later ones are told")
            assert not later & ids_at(old)

    run(inside(settings), scenario)


def test_a_deleted_endpoint_is_sent_nothing_after_one_attempt(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        async with (
            Receiver(otherwise=Answer(hang=True)) as old,
            Receiver() as other,
            delivering(api.services.settings) as delivery,
        ):
            endpoint = await registered(api, old.url, "job.failed")
            await registered(api, other.url, "job.expired")
            await publish(api, EVENTS)
            await old.wait_for(IN_FLIGHT)

            gone = await api.http.delete(f"{ENDPOINTS}/{endpoint['id']}")
            assert gone.status_code == 200
            assert await rows(api, "SELECT id FROM delivery") == []
            await until(lambda: old.url not in urls_of(delivery), "the change is known")
            old.release()
            for _ in range(3):
                later = await publish(api, 1, "job.expired")
                await until(lambda wanted=later: wanted <= ids_at(other), "another is told")
            assert len(old.requests) == IN_FLIGHT
            await publish(api, 3)
            assert await rows(api, "SELECT id FROM delivery") == []

    run(inside(settings), scenario)

"""What endpoints are signed and asked with, from their rows to the request."""

import asyncio
from datetime import timedelta

from infra.sealing import sealer_of
from infra.settings import Settings
from schemas.signature import format_public_key, format_secret, public_key_of
from schemas.webhooks import AuthKind, Payload, Signatures
from tests.fixtures.deliveries import open_deliveries
from tests.fixtures.endpoints import ENDPOINT_SECRET, PRIVATE_KEY, SEALER
from tests.fixtures.receiver import Answer, Receiver
from tests.fixtures.verifying import know

STRANGER = sealer_of(None, pepper="another-installation-0123456789")
HOUR = timedelta(hours=1)


def test_an_endpoint_whose_key_cannot_be_opened_waits_and_is_charged_nothing(
    settings: Settings,
) -> None:
    async def play() -> None:
        async with open_deliveries(settings) as deliveries, Receiver() as receiver:
            made = await deliveries.endpoint(receiver.url, sealer=STRANGER)
            await deliveries.owe(receiver.url, to=made)
            await deliveries.deliver()
            assert receiver.requests == []
            [row] = await deliveries.rows()
            assert row.attempt == 0
            assert timedelta(seconds=5) < row.due_in <= timedelta(seconds=10)
            [attempt] = await deliveries.attempts()
            assert attempt.outcome == "internal"
            assert "GENQ_SECRETS_KEY" in attempt.detail
            [lane] = await deliveries.lanes()
            assert (lane.failures, lane.failing_since) == (0, None)
            # Its operator adds the key.
            place = f"endpoint:{made.id.hex}:secret"
            sealed = SEALER.seal(made.secret.encode(), place=place)
            await deliveries.execute(
                "UPDATE webhook_secret SET sealed = :sealed", sealed=sealed
            )
            await deliveries.age(HOUR)
            await deliveries.deliver()
            [request] = receiver.requests
            assert request.keys == [ENDPOINT_SECRET]

    asyncio.run(play())


def test_a_malformed_secret_is_our_fault_too(settings: Settings) -> None:
    async def play() -> None:
        async with open_deliveries(settings) as deliveries, Receiver() as receiver:
            made = await deliveries.endpoint(receiver.url, secret="no whsec_ at all")
            await deliveries.owe(receiver.url, to=made)
            await deliveries.deliver()
            assert receiver.requests == []
            [row] = await deliveries.rows()
            [attempt] = await deliveries.attempts()
            assert (row.attempt, attempt.outcome) == (0, "internal")
            assert "no whsec_ at all" not in attempt.detail

    asyncio.run(play())


def test_the_five_newest_of_more_secrets_sign(settings: Settings) -> None:
    async def play() -> None:
        older = [format_secret(bytes([n]) * 32) for n in range(1, 7)]
        know(*older)
        async with open_deliveries(settings) as deliveries, Receiver() as receiver:
            made = await deliveries.endpoint(receiver.url, older=dict.fromkeys(older, HOUR))
            await deliveries.owe(receiver.url, to=made)
            await deliveries.deliver()
            [request] = receiver.requests
            assert request.keys == [ENDPOINT_SECRET, *older[:4]]

    asyncio.run(play())


def test_an_endpoints_keys_headers_and_credentials_reach_the_request(
    settings: Settings,
) -> None:
    async def play() -> None:
        async with (
            open_deliveries(settings) as deliveries,
            Receiver(Answer(202)) as receiver,
        ):
            made = await deliveries.endpoint(
                receiver.url,
                signatures=Signatures.V1 | Signatures.V1A,
                payload=Payload.THIN,
                headers={"X-Team": "render"},
                auth_kind=AuthKind.BEARER,
                auth={"token": "t-1"},
            )
            [owed] = await deliveries.owe(receiver.url, to=made)
            await deliveries.execute("UPDATE outbox SET thin = :thin", thin=b'{"thin":1}')
            await deliveries.deliver()
            [request] = receiver.requests
            public_key = format_public_key(public_key_of(PRIVATE_KEY))
            assert request.keys == [ENDPOINT_SECRET, public_key]
            assert request.body == b'{"thin":1}'
            assert request.headers["webhook-id"] == owed.webhook_id
            assert request.headers["x-team"] == "render"
            assert request.headers["authorization"] == "Bearer t-1"
            assert await deliveries.rows() == []
            [attempt] = await deliveries.attempts()
            assert (attempt.outcome, attempt.address) == ("success", "127.0.0.1")
            assert attempt.first_byte_ms is not None

    asyncio.run(play())

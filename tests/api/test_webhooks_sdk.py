"""The SDK's webhooks, against the real API."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from genq import AsyncGenq, ConflictError, NotFoundError
from genq.errors import ConfigurationError, InvalidRequestError
from infra.settings import Settings
from schemas.events import SUBSCRIBABLE_TYPES
from schemas.webhooks import Ended
from tests.api.delivery_history import URL, History, Sent
from tests.api.served import Served, run
from tests.fixtures.auditor import violations


def client(api: Served) -> AsyncGenq:
    return AsyncGenq(api.key, api.url)


def test_an_endpoint_lives_its_life_through_the_sdk(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        async with client(api) as genq:
            endpoints = genq.webhooks.endpoints
            made = await endpoints.create(
                "shop",
                URL,
                event_types=["job.*"],
                channels=["a"],
                headers={"X-Team": "art"},
                auth={"kind": "bearer", "token": "t"},
                signatures=["v1", "v1a"],
                retry_schedule=[5, 60],
                throttle_rate=2.5,
            )
            assert (made.name, made.url, made.event_types) == ("shop", URL, ("job.*",))
            assert (made.channels, made.headers) == (("a",), ("X-Team",))
            assert (made.auth, made.signatures) == ("bearer", ("v1", "v1a"))
            assert (made.retry_schedule, made.throttle_rate) == ((5, 60), 2.5)
            assert made.enabled
            assert made.health.breaker == "closed"
            changed = await endpoints.update(made.id, throttle_rate=None, max_in_flight=8)
            assert (changed.throttle_rate, changed.max_in_flight) == (None, 8)
            assert (changed.channels, changed.auth) == (("a",), "bearer")
            assert await endpoints.get(made.id) == changed
            assert [one.id async for one in endpoints.list(limit=1)] == [made.id]
            off = await endpoints.disable(made.id, reason="moving")
            assert off.disabled is not None
            assert off.disabled.reason == "moving"
            assert (await endpoints.enable(made.id)).enabled
            await endpoints.delete(made.id)
            with pytest.raises(NotFoundError):
                await endpoints.get(made.id)

    run(settings, scenario)


def test_secrets_and_portal_links_are_made_and_ended_through_the_sdk(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        async with client(api) as genq:
            endpoints = genq.webhooks.endpoints
            made = await endpoints.create("shop", URL)
            rotated = await endpoints.rotate_secret(made.id)
            assert (rotated.signing_secret or "").startswith("whsec_")
            assert rotated.signing_secret != made.signing_secret
            current, former = rotated.signing_secrets
            assert current.expires_at is None
            assert former.expires_at is not None
            assert abs((former.expires_at - current.created_at).total_seconds() - 86_400) < 5
            once = await endpoints.rotate_secret(made.id, grace=0)
            assert [one.expires_at for one in once.signing_secrets] == [None]

            link = await endpoints.portal_link(made.id, expires_in=60)
            async with AsyncGenq(link.token, api.url) as guest:
                assert (await guest.webhooks.endpoints.get(made.id)).id == made.id
                found = await guest.webhooks.deliveries.list(endpoint_id=made.id)
                assert found.data == ()
            await endpoints.revoke_portal_links(made.id)

            before = await genq.webhooks.secret()
            after = await genq.webhooks.rotate_secret(grace=60)
            assert after.signing_secret is not None
            assert after.former[0].hint == before.signing_secret_hint

    run(settings, scenario)


async def look_at(genq: AsyncGenq, made: str, sent: Sequence[Sent]) -> None:
    deliveries = genq.webhooks.deliveries
    listed = [one.id async for one in deliveries.list(endpoint_id=made, limit=2)]
    assert listed == [one.shown for one in reversed(sent)]
    dead = [one.id async for one in deliveries.list(status=["exhausted"])]
    assert dead == [sent[0].shown]
    tried = await deliveries.get(sent[1].shown)
    assert tried.pending is not None
    assert tried.pending.lane.breaker == "closed"
    assert [one.outcome for one in tried.attempts] == ["http_500"]
    assert await deliveries.get(sent[1].shown, endpoint_id=made) == tried
    again = await deliveries.resend(dead[0])
    assert (again.event_id, again.status) == (sent[0].event, "pending")


async def erase(genq: AsyncGenq, sent: Sent) -> None:
    webhooks = genq.webhooks
    event = await webhooks.events.get(sent.event)
    assert event.body is not None
    assert event.deliveries[0].id == sent.shown
    assert (await webhooks.events.erase(event.id)).discarded == 1
    assert (await webhooks.events.get(event.id)).erased
    with pytest.raises(ConflictError, match="nothing is left"):
        await webhooks.deliveries.resend(sent.shown)


async def recover(genq: AsyncGenq, made: str) -> None:
    webhooks, since = genq.webhooks, datetime(2026, 1, 1, tzinfo=UTC)
    recovery = await webhooks.recover(made, since=since, only="all", sample=5)
    assert (recovery.status, recovery.sample) == ("running", 5)
    assert [one.id async for one in webhooks.recoveries.list(made)] == [recovery.id]
    ended = await webhooks.recoveries.cancel(made, recovery.id)
    assert ended.done
    assert await webhooks.recoveries.get(made, recovery.id) == ended


def test_what_was_sent_is_looked_at_sent_again_erased_and_recovered(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        made = await history.endpoint()
        sent = await history.send(3)
        await history.attempt(sent[0], "timeout", ended=Ended.EXHAUSTED, status=None)
        await history.attempt(sent[1], "http_500", ended=None, status=500)
        async with client(api) as genq:
            await look_at(genq, made.shown, sent)
            await erase(genq, sent[2])
            await recover(genq, made.shown)
            assert set(await genq.webhooks.event_types()) >= set(SUBSCRIBABLE_TYPES)
        # Their idempotency keys stand for no job, and the auditor has nothing against that.
        assert await violations(api.services.engine, settings) == []

    run(settings, scenario)


def test_what_the_server_refuses_is_told(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        async with client(api) as genq:
            with pytest.raises(InvalidRequestError, match="genq/ordering"):
                await genq.webhooks.endpoints.create("x", URL, ordering="random")
            with pytest.raises(ConfigurationError, match="whe_"):
                await genq.webhooks.endpoints.get("../jobs")
            with pytest.raises(NotFoundError):
                await genq.webhooks.deliveries.get(f"whd_{'0' * 26}")

    run(settings, scenario)

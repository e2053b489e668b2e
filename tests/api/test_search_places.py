"""Listings by filter that walk for seconds leave the other calls their connections."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import islice

import httpx2
from sqlalchemy import text

from infra.postgres.engine import create_engine, transaction
from infra.settings import Settings
from producer.api.services import Services
from producer.search_places import SearchPlaces
from tests.api.served import Served, new_key, run

PATIENCE = timedelta(milliseconds=300)
POOL = 6
SEARCHES = (
    "/v1/webhook_deliveries?status=pending",
    "/v1/jobs?tag=rare",
    "/v1/jobs?count=estimate",
)
QUICK = ("/v1/jobs", "/v1/schedules", "/v1/webhook_endpoints")


def hasty(services: Services) -> Services:
    return replace(services, searches=SearchPlaces(POOL, PATIENCE))


def test_many_searches_at_once_are_told_to_come_back_and_hold_up_nobody_else(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        other = {"Authorization": f"Bearer {await new_key(api.services, 'globex')}"}
        engine = create_engine(settings, process="test")

        async def ask(path: str, headers: dict[str, str] | None = None) -> httpx2.Response:
            return await api.http.get(path, headers=headers)

        async with transaction(engine) as lock:
            # Whoever looks waits for this lock, as for a walk that is too long.
            await lock.execute(text("LOCK TABLE delivery IN ACCESS EXCLUSIVE MODE"))
            many = [asyncio.create_task(ask(SEARCHES[0])) for _ in range(20)]
            async with asyncio.timeout(4):
                done = [await one for one in islice(asyncio.as_completed(many), 19)]
                quick = [
                    await ask(path, headers) for path in QUICK for headers in (None, other)
                ]
                # Of two places, one is the other tenant's.
                theirs = await ask(SEARCHES[1], other)
        assert [one.status_code for one in (*quick, theirs)] == [200] * 7
        assert {one.status_code for one in done} == {429}
        assert {one.json()["code"] for one in done} == {"too_many_searches"}
        assert all(one.json()["retryable"] and one.headers["retry-after"] for one in done)
        answers = await asyncio.gather(*many)
        assert [one.status_code for one in answers].count(200) == 1
        again = [await ask(path) for path in (*SEARCHES, *SEARCHES)]
        assert {one.status_code for one in again} == {200}
        await engine.dispose()

    run(settings.model_copy(update={"database_pool_size": POOL}), scenario, hasty)


def test_every_call_that_searches_needs_a_place(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        tenant = (await api.services.keys.caller_of(f"Bearer {api.key}")).tenant
        async with api.services.searches.place(tenant.id):
            answers = [await api.http.get(path) for path in SEARCHES]
            action = {"action": "cancel", "filter": {"tag": ["rare"]}}
            answers += [
                await api.http.post("/v1/jobs/actions", json={**action, "dry_run": dry})
                for dry in (True, False)
            ]
            free = [await api.http.get(path) for path in (*QUICK, "/v1/webhook_deliveries")]
        assert [one.status_code for one in answers] == [429] * 5, answers[-1].text
        assert {one.status_code for one in free} == {200}

    run(
        settings,
        scenario,
        lambda services: replace(services, searches=SearchPlaces(1, PATIENCE / 10)),
    )

"""The cache over HTTP: looked at, cleared and switched off, by tenants and by operators."""

from typing import Any

from sqlalchemy import text

from genq import AsyncGenq
from genq.cache_models import CacheState
from infra.postgres.engine import transaction
from infra.settings import Settings
from schemas.scopes import KeyScope
from tests.api.served import IMAGE, Served, new_key, run

HIT = {"served_by": {"model": "m", "server": "s"}, "cache": {"status": "hit", "of": "job_x"}}


async def fill(api: Served, tenant: str, entries: int) -> None:
    async with transaction(api.services.engine) as connection:
        await connection.execute(
            text(
                "INSERT INTO cache_entry (tenant_id, key, job_id, bytes, hits, expires_at)"
                " SELECT id, decode(md5(n::text), 'hex'), uuidv7(), 100, 2, now() + '1 hour'"
                " FROM tenant, generate_series(1, :n) AS n WHERE name = :name"
            ),
            {"n": entries, "name": tenant},
        )


async def key_of(api: Served, tenant: str, *scopes: KeyScope) -> dict[str, Any]:
    return {"Authorization": f"Bearer {await new_key(api.services, tenant, *scopes)}"}


def test_a_tenant_sees_and_clears_its_own_entries_and_no_others(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        theirs = await key_of(api, "globex")
        await fill(api, "acme", 3)
        await fill(api, "globex", 2)
        shown = (await api.http.get("/v1/cache")).json()
        assert shown == {
            "object": "cache", "enabled": True, "entries": 3, "bytes": 300, "hits": 6,
        }  # fmt: skip
        async with AsyncGenq(api.key, api.url) as client:
            assert await client.cache.get() == CacheState(True, 3, 300, 6)
            assert await client.cache.clear() == 3
        assert (await api.http.get("/v1/cache")).json()["entries"] == 0
        assert (await api.http.get("/v1/cache", headers=theirs)).json()["entries"] == 2

        operator = await key_of(api, "operators", KeyScope.ADMIN)
        of_globex = "/v1/admin/tenants/globex/cache"
        assert (await api.http.get(of_globex)).status_code == 403
        assert (await api.http.delete(of_globex, headers=operator)).json()["entries"] == 2
        unknown = await api.http.get("/v1/admin/tenants/glbex/cache", headers=operator)
        assert unknown.status_code == 404
        told = (await api.http.get("/v1/audit")).json()["data"]
        assert [one["action"] for one in told if "cache" in one["action"]] == ["cache.cleared"]

    run(settings, scenario)


def test_jobs_of_a_tenant_that_switched_it_off_ask_their_model(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        refused = await api.http.patch("/v1/cache", json={"enabled": "no"})
        assert refused.status_code == 400
        off = await api.http.patch("/v1/cache", json={"enabled": False})
        assert off.json()["enabled"] is False
        # A key that this process has not looked up yet.
        fresh = await key_of(api, "acme")
        job = await api.submit({**IMAGE, "cache": "allow"}, headers=fresh)
        assert (await api.claim(job["id"])).cache == "off"

        await api.http.patch("/v1/cache", json={"enabled": True})
        fresh = await key_of(api, "acme")
        job = await api.submit({**IMAGE, "cache": "allow"}, headers=fresh)
        assert (await api.claim(job["id"])).cache == "allow"

    run(settings, scenario)


def test_a_job_tells_where_its_output_came_from(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        given, made, waiting = [await api.submit() for _ in range(3)]
        await api.end(given["id"], result=HIT)
        await api.end(made["id"], result={"served_by": HIT["served_by"]})

        async def cache(job: dict[str, Any]) -> Any:
            return (await api.http.get(f"/v1/jobs/{job['id']}")).json()["cache"]

        assert await cache(given) == {"status": "hit", "of": "job_x"}
        assert await cache(made) == {"status": "off", "of": None}
        assert await cache(waiting) is None

    run(settings, scenario)


def test_a_word_that_is_none_of_the_three_is_refused(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        answer = await api.http.post("/v1/jobs", json={**IMAGE, "cache": "always"})
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["pointer"] == "/cache"
        asked = {"model": "test-chat", "messages": [{"role": "user", "content": "hello"}]}
        answer = await api.http.post(
            "/v1/chat/completions", json={**asked, "genq": {"cache": "always"}}
        )
        assert answer.status_code == 400

    run(settings, scenario)

"""Whoever knows another tenant's ids learns no more from them than from invented ones."""

import asyncio
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import text
from starlette.responses import Response

from infra.postgres.engine import transaction
from infra.settings import Settings
from schemas.scopes import KeyScope
from schemas.tables.metadata import metadata
from tests.api.served import IMAGE, Served, new_key, run
from tests.api.two_tenants import (
    CANARY,
    Attempt,
    Estate,
    attempts,
    routes_of,
    settle,
    stranger,
)

# They differ from call to call, and tell of the call alone.
OF_THE_CALL = ("date", "x-request-id", "ratelimit", "retry-after", "content-length")
CHANGING = re.compile(r'"(error_id|instance)":"[^"]*"')
ID = re.compile(r"[a-z]+[_-][0-9a-z]{26}")
# Their doors are closed to whoever is none, whatever is asked.
OPERATORS = ("/v1/admin/", "/v1/routes", "/v1/chat/bindings", "/v1/chat/bots")
OWNED = sorted(name for name, table in metadata.tables.items() if "tenant_id" in table.c)


async def call(api: Served, attempt: Attempt, headers: Mapping[str, str]) -> httpx2.Response:
    async with asyncio.timeout(5):
        return await api.http.request(
            attempt.method,
            attempt.path,
            params=attempt.query,
            json=attempt.body,
            headers=headers,
        )


def told(answer: httpx2.Response, asked: Attempt) -> tuple[Any, ...]:
    """What an answer tells beyond what was asked."""
    headers = {n: v for n, v in answer.headers.items() if not n.startswith(OF_THE_CALL)}
    shown = f"{sorted(headers.items())} {CHANGING.sub('', answer.text)}"
    return answer.status_code, ID.sub("…", shown), len(ID.findall(words_of(asked)))


def words_of(asked: Attempt) -> str:
    return f"{asked.path} {asked.query} {asked.body}"


async def owned_by(api: Served, tenant: str) -> dict[str, str]:
    """Every row of a tenant, by table."""
    found: dict[str, str] = {}
    async with transaction(api.services.engine) as connection:
        for table in OWNED:
            rows = await connection.execute(
                text(
                    f"SELECT md5(string_agg(CAST(x AS text), '|' ORDER BY CAST(x AS text)))"
                    f" FROM {table} x JOIN tenant t ON t.id = x.tenant_id WHERE t.name = :name"
                ),
                {"name": tenant},
            )
            found[table] = str(rows.scalar_one())
    return found


def check(asked: Attempt, answer: httpx2.Response, estate: Estate) -> None:
    """Hold one answer to what a stranger may learn."""
    if asked.template.startswith(OPERATORS):
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied"), asked
    elif "{" in asked.template:
        # A cursor of another kind is refused before anything is looked up.
        assert answer.status_code == 404 or (answer.status_code == 400 and asked.query), asked
    shown = answer.text + repr(answer.headers)
    assert answer.status_code < 500, (asked, shown)
    words = words_of(asked)
    theirs = (*estate.everything(), CANARY)
    assert [one for one in theirs if one in shown and one not in words] == [], (asked, shown)


def test_no_route_tells_a_stranger_anything_of_another_tenants_ids(settings: Settings) -> None:
    tried: set[str] = set()

    async def scenario(api: Served) -> None:
        estate, headers = await settle(api), await stranger(api)
        await api.services.keys.close()
        before = await owned_by(api, "acme")
        for route in routes_of(api.services):
            tried.add(route.name)
            both = zip(attempts(route, estate), attempts(route, estate.invented()), strict=True)
            for real, invented in both:
                answer = await call(api, real, headers)
                check(real, answer, estate)
                if "{" in real.template or "job_" in str(real.body):
                    nobodys = await call(api, invented, headers)
                    assert told(answer, real) == told(nobodys, invented), real
        assert await owned_by(api, "acme") == before
        for path in ("/metrics", "/errors", "/readyz", "/openapi.json"):
            assert CANARY not in (await api.http.get(path)).text
        # The owner sees it all there.
        assert CANARY in (await api.http.get("/v1/jobs")).text
        preview = await api.http.get(f"/v1/jobs/{estate.jobs['running']}/preview")
        assert preview.content == CANARY.encode()

    # Nobody ends what a stranger asks for.
    held = {"facade_max_hold": timedelta(milliseconds=20)}
    run(settings.model_copy(update=held), scenario)
    assert {"get_job", "get_artifact", "watch_job", "rotate_key", "update_tenant"} <= tried


def test_keys_that_callers_choose_do_not_meet_across_tenants(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        estate, headers = await settle(api), await stranger(api)
        unique = {**IMAGE, "unique": {"key": CANARY, "on_conflict": "return"}}
        for body, name in ((IMAGE, "Idempotency-Key"), (unique, "X-None")):
            more = {name: CANARY}
            answer = await api.http.post("/v1/jobs", json=body, headers={**headers, **more})
            assert answer.status_code == 202
            assert answer.json()["id"] not in estate.everything()
            assert {"idempotent-replayed", "unique-replayed"}.isdisjoint(answer.headers)
        named = {"name": CANARY, "cron": "@daily", "request": IMAGE}
        made = await api.http.post("/v1/schedules", json=named, headers=headers)
        assert made.status_code == 201

    run(settings, scenario)


def test_an_operators_path_must_name_the_tenant_that_has_the_key(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        estate = await settle(api)
        await stranger(api)
        key = await new_key(api.services, "local", KeyScope.ADMIN)
        headers = {"Authorization": f"Bearer {key}"}
        path = f"/v1/admin/tenants/stranger/keys/{estate.ids['key_id'][0]}"
        for method, step in (("GET", ""), ("POST", "/rotate"), ("DELETE", "")):
            answer = await api.http.request(method, path + step, headers=headers)
            assert answer.status_code == 404

    run(settings, scenario)


def test_the_key_of_an_object_begins_with_its_tenant(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        estate = await settle(api)
        async with transaction(api.services.engine) as connection:
            rows = await connection.execute(
                text(
                    "SELECT t.id, r.artifacts FROM result r JOIN job j ON j.id = r.job_id"
                    " JOIN tenant t ON t.id = j.tenant_id WHERE r.artifacts IS NOT NULL"
                )
            )
            found = [(row.id, [one["key"] for one in row.artifacts]) for row in rows]
        ((tenant_id, keys),) = [one for one in found if one[1]]
        assert [key.split("/")[0] for key in keys] == [f"t{tenant_id}"]
        assert estate.jobs["done"] in keys[0]

    run(settings, scenario)


async def _nothing() -> Response:
    return Response()


def test_a_route_whose_parameter_nobody_has_explained_is_refused() -> None:
    estate = Estate({"job_id": ["job_1"]}, {})
    extra: dict[str, Any] = {"parameters": [], "security": [{}]}
    query = {"parameters": [{"in": "query", "name": "colour"}]}
    routes: tuple[tuple[str, dict[str, Any]], ...] = (
        ("/v1/things/{thing_id}", {}),
        ("/v1/things", query),
        ("/v1/things", {"requestBody": {}}),
    )
    for path, more in routes:
        route = APIRoute(path, _nothing, name="thing", openapi_extra={**extra, **more})
        with pytest.raises(AssertionError, match=r"say in tests/api/two_tenants\.py"):
            list(attempts(route, estate))

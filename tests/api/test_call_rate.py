"""A limited tenant is told in every answer what is left, and refused when nothing is."""

import asyncio

import httpx2
import pytest
from openai import AsyncOpenAI, RateLimitError
from sqlalchemy import text

from infra.postgres.engine import transaction
from infra.settings import Settings
from tests.api.served import IMAGE, Served, new_key, run


def limited(settings: Settings, per_minute: int) -> Settings:
    return settings.model_copy(update={"calls_per_minute": per_minute})


async def own_number(api: Served, tenant: str, per_minute: int | None) -> None:
    async with transaction(api.services.engine) as connection:
        await connection.execute(
            text("UPDATE tenant SET calls_per_minute = :n WHERE name = :name"),
            {"n": per_minute, "name": tenant},
        )


def left(answer: httpx2.Response) -> int:
    return int(answer.headers["ratelimit"].split("r=")[1].split(";")[0])


def test_every_answer_tells_what_is_left_and_the_one_too_many_when_to_come_back(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        accepted = await api.http.post("/v1/jobs", json=IMAGE)
        unknown = await api.http.get("/v1/jobs/job_1")
        wrong = await api.http.post("/v1/jobs", json={"kind": "song"})
        refused = await api.http.post("/v1/jobs", json=IMAGE)

        assert accepted.headers["ratelimit-policy"] == '"calls";q=3;w=60'
        assert [left(one) for one in (accepted, unknown, wrong, refused)] == [2, 1, 0, 0]
        assert [one.status_code for one in (accepted, unknown, wrong)] == [202, 404, 400]
        assert refused.status_code == 429
        problem = refused.json()
        assert (problem["code"], problem["retryable"]) == ("rate_limited", True)
        assert problem["violated-policies"] == ["calls"]
        # 60 s for 3 calls: one is free again after 20.
        assert 19 <= int(refused.headers["retry-after"]) <= 20
        assert refused.headers["ratelimit"] == f'"calls";r=0;t={refused.headers["retry-after"]}'

    run(limited(settings, 3), scenario)


def test_a_tenants_own_number_takes_the_place_of_the_default_and_zero_is_no_limit(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        other = {"Authorization": f"Bearer {await new_key(api.services, 'globex')}"}
        await own_number(api, "acme", 0)
        await own_number(api, "globex", 9)

        free = await api.http.get("/v1/jobs")
        own = await api.http.get("/v1/jobs", headers=other)

        assert "ratelimit" not in free.headers
        assert left(own) == 8

    run(limited(settings, 3), scenario)


def test_calls_by_portal_links_have_a_rate_of_their_own_for_each_endpoint(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        where = "/v1/webhook_endpoints"
        body = {"name": "shop", "url": "https://example.com/hook"}
        mine = f"{where}/{(await api.http.post(where, json=body)).json()['id']}"
        made = await api.http.post(f"{mine}/portal_link")
        link = {"Authorization": f"Bearer {made.json()['token']}"}

        visits = [await api.http.get(mine, headers=link) for _ in range(2)]
        await api.http.get("/v1/jobs", headers=link)
        own = await api.http.get(mine)
        gate, key = api.services.calls, f"portal:{mine.rsplit('/', 1)[1]}"
        await asyncio.gather(*(gate.take(key, 60) for _ in range(60)))
        late = await api.http.get(mine, headers=link)

        # Neither of them took any of the tenant's three.
        assert [one.status_code for one in (*visits, own)] == [200, 200, 200]
        assert [left(one) for one in (*visits, own)] == [59, 58, 0]
        assert (late.status_code, late.json()["code"]) == (429, "rate_limited")
        assert "portal links of webhook endpoint whe_" in late.json()["detail"]

    run(limited(settings, 3), scenario)


def test_no_tenant_is_limited_unless_somebody_says_so(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        answer = await api.http.get("/v1/jobs")
        assert "ratelimit" not in answer.headers
        assert "ratelimit-policy" not in answer.headers

    run(settings, scenario)


def test_a_call_too_many_is_answered_before_its_body_is_read(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        await api.http.get("/v1/jobs")
        where = httpx2.URL(api.url)
        reader, writer = await asyncio.open_connection(where.host, where.port)
        writer.write(
            f"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.key}\r\n"
            "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{".encode()
        )
        async with asyncio.timeout(5):
            status = await reader.readline()
        writer.close()
        assert status.split()[1] == b"429"

    run(limited(settings, 1), scenario)


def test_openais_sdk_takes_the_refusal_for_a_rate_limit_and_reads_when_to_return(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        await api.http.get("/v1/jobs")
        async with AsyncOpenAI(
            api_key=api.key, base_url=f"{api.url}/v1", max_retries=0
        ) as client:
            with pytest.raises(RateLimitError) as caught:
                await client.get("/jobs", cast_to=object)
            headers = caught.value.response.headers
            assert caught.value.code == "rate_limited"
            assert client._parse_retry_after_header(headers) == int(headers["retry-after"])

    run(limited(settings, 1), scenario)

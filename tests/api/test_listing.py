"""GET /v1/jobs: newest first, by key, complete, and only one's own."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from infra.settings import Settings
from schemas.job_states import JobState
from tests.api.served import IMAGE, Served, new_key, pointers, run

CHAT = {"kind": "chat", "input": {"messages": [{"role": "user", "content": "hi"}]}}


async def page(api: Served, **query: Any) -> dict[str, Any]:
    answer = await api.http.get("/v1/jobs", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_pages_lead_through_all_jobs_newest_first(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        ids = [(await api.submit())["id"] for _ in range(5)]
        seen: list[str] = []
        url: str | None = "/v1/jobs?limit=2&lane=fast"
        sizes: list[int] = []
        while url:
            answer = await api.http.get(url)
            body = answer.json()
            seen += [job["id"] for job in body["data"]]
            sizes.append(len(body["data"]))
            assert body["object"] == "list"
            assert body["has_more"] == (body["next"] is not None) == ("next" in answer.links)
            url = answer.links["next"]["url"] if body["next"] else None
            assert url is None or "lane=fast" in urlsplit(url).query

        assert seen == ids[::-1]
        assert sizes == [2, 2, 1]

    run(settings, scenario)


def test_a_page_does_not_shift_when_jobs_arrive(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        ids = [(await api.submit())["id"] for _ in range(3)]
        first = await page(api, limit=1)
        await api.submit()
        second = await page(api, limit=5, after=first["next"])

        assert first["next"] == ids[2]
        assert [job["id"] for job in second["data"]] == [ids[1], ids[0]]
        assert second["next"] is None

    run(settings, scenario)


def test_filters_choose_by_status_lane_and_kind(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        fast = await api.submit()
        slow = await api.submit({**IMAGE, "lane": "relax"})
        chat = await api.submit(CHAT)
        await api.end(fast["id"])
        await api.end(chat["id"], JobState.DEAD)
        running = await api.submit()
        await api.claim(running["id"])

        found = {
            name: {job["id"] for job in (await page(api, **query))["data"]}
            for name, query in {
                "relax": {"lane": "relax"},
                "chat": {"kind": "chat"},
                "queued": {"status": "queued"},
                "running": {"status": "running"},
                "succeeded": {"status": "succeeded"},
                "failed": {"status": "failed"},
                "blocked": {"status": "blocked"},
                "fast and failed": {"lane": "fast", "status": "failed", "kind": "image"},
            }.items()
        }
        assert found == {
            "relax": {slow["id"]},
            "chat": {chat["id"]},
            "queued": {slow["id"]},
            "running": {running["id"]},
            "succeeded": {fast["id"]},
            "failed": {chat["id"]},
            "blocked": set(),
            "fast and failed": set(),
        }

    run(settings, scenario)


def test_a_tenant_sees_only_its_own_jobs(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        job = await api.submit()
        theirs = {"Authorization": f"Bearer {await new_key(api.services, 'other')}"}
        listed = await api.http.get("/v1/jobs", headers=theirs)
        shown = await api.http.get(job["urls"]["get"], headers=theirs)

        assert listed.json()["data"] == []
        assert shown.status_code == 404

    run(settings, scenario)


def test_an_empty_list_is_a_page(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        assert await page(api) == {
            "object": "list",
            "data": [],
            "has_more": False,
            "next": None,
        }

    run(settings, scenario)


WRONG_QUERIES: tuple[tuple[str, str, str], ...] = (
    ("limit=0", "/query/limit", "1 to 200"),
    ("limit=201", "/query/limit", "1 to 200"),
    ("limit=ten", "/query/limit", "1 to 200"),
    ("limit=%D9%A3", "/query/limit", "1 to 200"),
    ("limit=99999999999999999999", "/query/limit", "1 to 200"),
    ("after=job_1", "/query/after", "'next'"),
    ("status=done", "/query/status", "succeeded"),
    ("lane=fastest", "/query/lane", "turbo, fast, relax, batch"),
    ("kind=video", "/query/kind", "image, chat"),
    ("limt=1", "/query/limt", "'limit'"),
)


def test_a_wrong_query_is_refused(settings: Settings, subtests: pytest.Subtests) -> None:
    async def scenario(api: Served) -> None:
        for query, place, message in WRONG_QUERIES:
            with subtests.test(query=query):
                answer = await api.http.get(f"/v1/jobs?{query}")

                assert answer.status_code == 400
                assert message in pointers(answer)[place]
                assert answer.json()["error"]["param"] == place.removeprefix("/query/")

    run(settings, scenario)

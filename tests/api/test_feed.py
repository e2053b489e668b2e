"""GET /v1/events tells of every ended job of the tenant, once, in order, from any cursor."""

import asyncio
from typing import Any

from infra.settings import Settings
from schemas.job_states import JobState
from tests.api.served import Served, new_key, pointers, run
from tests.api.streams import streaming
from tests.fixtures.until import until


async def page(api: Served, query: str = "") -> Any:
    answer = await api.http.get(f"/v1/events{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def ended(api: Served, *states: JobState) -> list[str]:
    jobs: list[str] = []
    for state in states:
        job = await api.submit()
        await api.end(job["id"], state)
        jobs.append(job["id"])
    return jobs


OK, FAILED = JobState.SUCCEEDED, JobState.FAILED


def test_pages_follow_each_other_by_their_cursors(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        empty = await page(api)
        jobs = await ended(api, OK, FAILED, OK, FAILED, FAILED)
        first = await page(api, f"?limit=2&after={empty['next']}")
        second = await page(api, f"?limit=3&after={first['next']}")
        end = await page(api, f"?after={second['next']}")
        failures = await page(api, "?type=job.failed,job.expired&limit=2")
        more = await page(api, f"?type=job.failed&after={failures['next']}")

        assert empty["data"] == []
        assert empty["has_more"] is False
        assert [e["data"]["id"] for e in first["data"] + second["data"]] == jobs
        assert (first["has_more"], second["has_more"]) == (True, False)
        assert first["data"][0]["object"] == "event"
        assert first["data"][0]["type"] == "job.succeeded"
        assert (end["data"], end["next"]) == ([], second["next"])
        assert [e["data"]["id"] for e in failures["data"]] == [jobs[1], jobs[3]]
        assert [e["data"]["id"] for e in more["data"]] == [jobs[4]]
        assert (await page(api, "?after=now"))["data"] == []

        stranger = await new_key(api.services, "other")
        answer = await api.http.get(
            "/v1/events", headers={"Authorization": f"Bearer {stranger}"}
        )
        assert answer.json()["data"] == []

    run(settings, scenario)


def test_a_held_answer_and_a_stream_hear_of_an_end_at_once(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        now = (await page(api, "?after=now"))["next"]
        held = asyncio.create_task(page(api, f"?after={now}&wait=30"))
        async with streaming(api, "/v1/events", {"Accept": "text/event-stream"}) as stream:
            await until(lambda: bool(api.services.feeds.followers), "somebody follows")
            [first] = await ended(api, OK)
            async with asyncio.timeout(2):
                event = await stream.until("job.succeeded")
                assert [e["id"] for e in (await held)["data"]] == [event.data["id"]]
            [second] = await ended(api, FAILED)
            async with asyncio.timeout(2):
                last = await stream.until("job.failed")

        assert [event.data["data"]["id"], last.data["data"]["id"]] == [first, second]
        seen = {"Accept": "text/event-stream", "Last-Event-ID": event.id}
        async with streaming(api, "/v1/events?after=now", seen) as again:
            assert await again.next() == last
        await until(lambda: not api.services.feeds.followers, "nobody follows")
        assert (await page(api, f"?after={last.id}&wait=1"))["data"] == []

    run(settings, scenario)


def test_what_cannot_be_served_is_told(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        for query, name in (
            ("after=yesterday", "after"),
            ("after=12-job_x", "after"),
            ("last_event_id=3.p1", "last_event_id"),
            ("limit=0", "limit"),
            ("wait=61", "wait"),
            ("type=job.started", "type"),
            ("tipe=job.failed", "tipe"),
        ):
            answer = await api.http.get(f"/v1/events?{query}")
            assert answer.status_code == 400
            assert set(pointers(answer)) == {f"/query/{name}"}

    run(settings, scenario)

"""Prefer: wait=n holds the answer until the job has ended, and never longer than was asked."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr
from starlette.datastructures import Headers

from infra.doorbells import DONE
from infra.settings import Settings
from producer.api.preferences import preferred_wait
from schemas.job_states import JobState
from tests.api.served import IMAGE, Served, run
from tests.fixtures.until import until


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("wait=10", 10),
        ("Wait = 10", 10),
        ('wait="10"', 10),
        ("respond-async, wait=5; x=1", 5),
        ("wait", 60),
        ("wait=61", 60),
        ("wait=0", 0),
        ("wait=-1", None),
        ("wait=soon", None),
        ("waiting=3", None),
        ("nowait=3", None),
        ("handling=lenient", None),
    ],
)
def test_the_preference_is_read_as_rfc_7240_wants(header: str, seconds: int | None) -> None:
    assert preferred_wait(Headers({"prefer": header})) == seconds


def test_a_request_without_the_preference_does_not_wait() -> None:
    assert preferred_wait(Headers({})) is None


async def waiting(api: Served, request: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Begin a request and return when it waits for a job."""
    task = asyncio.create_task(request)
    await until(lambda: api.services.waiters.waiting > 0, "the request waits")
    return task


def test_a_job_that_ends_in_time_is_200_with_the_job(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        headers = {"Prefer": "wait=30"}
        task = await waiting(api, api.http.post("/v1/jobs", json=IMAGE, headers=headers))
        [listed] = (await api.http.get("/v1/jobs")).json()["data"]
        await api.end(listed["id"], pictures=[b"png"])
        async with asyncio.timeout(3):
            answer = await task

        assert answer.status_code == 200
        assert answer.headers["preference-applied"] == "wait=30"
        assert answer.headers["location"] == listed["urls"]["get"]
        assert answer.json()["status"] == "succeeded"
        assert answer.json()["output"]["artifacts"][0]["bytes"] == 3
        assert not api.services.waiters.waiting

    run(settings, scenario)


def test_a_job_that_does_not_end_in_time_is_202(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        for seconds in ("0", "1"):
            headers = {"Prefer": f"wait={seconds}"}
            answer = await api.http.post("/v1/jobs", json=IMAGE, headers=headers)

            assert answer.status_code == 202
            assert answer.headers["preference-applied"] == f"wait={seconds}"
            assert answer.json()["status"] == "queued"

    run(settings, scenario)


def test_a_failed_job_ends_the_wait_too(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        job = await api.submit()
        task = await waiting(
            api, api.http.get(job["urls"]["get"], headers={"Prefer": "wait=30"})
        )
        await api.end(job["id"], JobState.FAILED)
        async with asyncio.timeout(3):
            answer = await task

        assert answer.status_code == 200
        assert answer.json()["status"] == "failed"
        assert answer.headers["preference-applied"] == "wait=30"

    run(settings, scenario)


def test_a_lost_doorbell_delays_the_answer_but_does_not_lose_it(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        job = await api.submit()
        task = await waiting(
            api, api.http.get(job["urls"]["get"], headers={"Prefer": "wait=30"})
        )
        await api.end(job["id"], ring=False)
        answer = await task

        assert answer.json()["status"] == "succeeded"

    run(settings, scenario)


def test_without_valkey_the_wait_looks_by_itself(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        job = await api.submit()
        task = await waiting(
            api, api.http.get(job["urls"]["get"], headers={"Prefer": "wait=30"})
        )
        await api.end(job["id"], ring=False)
        async with asyncio.timeout(4):
            answer = await task

        assert answer.json()["status"] == "succeeded"

    nowhere = "redis://127.0.0.1:1/0"
    run(settings.model_copy(update={"valkey_url": SecretStr(nowhere)}), scenario)


def test_a_client_that_leaves_is_no_longer_waited_for(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        job = await api.submit()
        task = await waiting(
            api, api.http.get(job["urls"]["get"], headers={"Prefer": "wait=60"})
        )
        task.cancel()
        await asyncio.wait([task])

        await until(lambda: api.services.waiters.waiting == 0, "nobody waits")

    run(settings, scenario)


def test_a_stopping_process_answers_those_who_wait(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        task = await waiting(
            api, api.http.post("/v1/jobs", json=IMAGE, headers={"Prefer": "wait=60"})
        )
        api.services.waiters.release()
        async with asyncio.timeout(3):
            answer = await task

        assert answer.status_code == 202

    run(settings, scenario)


def test_many_who_wait_are_answered_at_once_by_few_looks(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        jobs = [(await api.submit())["id"] for _ in range(24)]
        waits = {"Prefer": "wait=30"}
        tasks = [
            asyncio.create_task(api.http.get(f"/v1/jobs/{job}", headers=waits)) for job in jobs
        ]
        await until(lambda: api.services.waiters.waiting == len(jobs), "all of them wait")
        for job in jobs:
            await api.end(job, ring=False)
        before = looks()
        await api.services.doorbells.ring(DONE, " ".join(jobs))
        async with asyncio.timeout(3):
            answers = await asyncio.gather(*tasks)

        assert {answer.json()["status"] for answer in answers} == {"succeeded"}
        assert 0 < looks() - before < len(jobs) / 4

    run(settings, scenario)


def looks() -> float:
    """Return how many statements have read jobs for those who wait."""
    count = REGISTRY.get_sample_value("genq_group_commit_rows_count", {"statement": "look"})
    return count or 0.0

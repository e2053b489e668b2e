"""Unique keys over HTTP."""

import asyncio
from collections import Counter
from typing import Any

from infra.settings import Settings
from tests.api.served import IMAGE, Served, pointers, run, serving


def body(**unique: Any) -> dict[str, Any]:
    return {**IMAGE, "unique": {"key": "invoice-7", **unique}}


def test_a_duplicate_is_refused_and_names_the_earlier_job(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        first = await api.submit(body())

        answer = await api.http.post("/v1/jobs", json=body())

        assert answer.status_code == 409
        problem = answer.json()
        assert problem["code"] == "duplicate_job"
        assert first["id"] in problem["detail"]
        assert first["id"] in pointers(answer)["/unique/key"]

    run(settings, scenario)


def test_the_earlier_job_is_the_answer_on_demand(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        first = await api.submit(body(on_conflict="return", period=3600))
        again = await api.http.post("/v1/jobs", json=body(on_conflict="return"))

        assert again.status_code == 202
        assert again.headers["unique-replayed"] == "true"
        assert again.json()["id"] == first["id"]
        await api.end(first["id"])
        ended = await api.http.post(
            "/v1/jobs", json=body(on_conflict="return"), headers={"Prefer": "wait=5"}
        )
        assert ended.status_code == 200
        assert ended.json()["status"] == "succeeded"

    run(settings, scenario)


def test_whoever_waits_for_a_replaced_job_hears_of_its_end(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        first = await api.submit(body())
        waiting = asyncio.create_task(
            api.http.get(f"/v1/jobs/{first['id']}", headers={"Prefer": "wait=9"})
        )
        second = await api.submit(body(on_conflict="replace"))

        ended = (await waiting).json()

        assert ended["status"] == "cancelled"
        assert ended["error"]["code"] == "job_replaced"
        assert second["id"] in ended["error"]["message"]

    run(settings, scenario)


def test_an_unacceptable_key_is_named(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        answer = await api.http.post("/v1/jobs", json=body(key="", perod=3))

        assert answer.status_code == 400
        assert set(pointers(answer)) == {"/unique/key", "/unique/perod"}
        assert "period" in pointers(answer)["/unique/perod"]

    run(settings, scenario)


def test_two_api_processes_give_a_key_to_one_of_fifty(settings: Settings) -> None:
    async def play() -> None:
        async with serving(settings) as one, serving(settings) as other:
            answers = await asyncio.gather(
                *[
                    (one if n % 2 else other).http.post("/v1/jobs", json=body())
                    for n in range(50)
                ]
            )
            assert Counter(answer.status_code for answer in answers) == {202: 1, 409: 49}
            jobs = (await one.http.get("/v1/jobs")).json()["data"]
            assert len(jobs) == 1

    asyncio.run(play())

"""POST /v1/jobs/bulk: many jobs in one call, all of them or each for itself, once per key."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from infra.doorbells import DELIVER, DONE, WAKE, Ring
from infra.postgres.engine import transaction
from infra.settings import Settings
from schemas.job_states import JobState
from tests.api.served import IMAGE, Served, new_key, pointers, run
from tests.api.test_budgets import set_budget

WRONG: dict[str, Any] = {"kind": "image", "input": {"prompt": "a", "n": 99}}
UNKNOWN: dict[str, Any] = {**IMAGE, "model": "nobody"}


async def bulk(
    api: Served, jobs: list[Any], mode: str | None = None, **headers: str
) -> dict[str, Any]:
    body = {"jobs": jobs} | ({"mode": mode} if mode else {})
    answer = await api.http.post("/v1/jobs/bulk", json=body, headers=headers)
    assert answer.status_code in {202, 207}, answer.text
    return answer.json() | {"status": answer.status_code, "headers": answer.headers}


async def count(api: Served) -> int:
    return len((await api.http.get("/v1/jobs?limit=200")).json()["data"])


def error_of(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item's error without what is of one answer alone."""
    told: dict[str, Any] = item["error"] or {}
    return {name: told[name] for name in told if name not in {"error_id", "instance"}}


def unique(prompt: str, key: str, **how: Any) -> dict[str, Any]:
    return {"kind": "image", "input": {"prompt": prompt}, "unique": {"key": key, **how}}


def test_every_job_of_a_call_is_there_in_its_order(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        prompts = [f"kite {n}" for n in range(120)]
        done = await bulk(api, [{"kind": "image", "input": {"prompt": p}} for p in prompts])

        assert (done["status"], done["accepted"], done["refused"]) == (202, 120, 0)
        assert [item["job"]["input"]["prompt"] for item in done["data"]] == prompts
        assert [item["index"] for item in done["data"]] == list(range(120))
        shown = await api.http.get("/v1/jobs?limit=120")
        assert [job["input"]["prompt"] for job in shown.json()["data"]] == prompts[::-1]
        first = done["data"][0]["job"]
        await api.end(first["id"])
        assert (await api.http.get(first["urls"]["get"])).json()["status"] == "succeeded"

    run(settings, scenario)


def test_one_wrong_job_refuses_all_and_every_place_is_named(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        jobs = [IMAGE, WRONG, {**IMAGE, "lain": "fast"}, IMAGE, 7]
        answer = await api.http.post("/v1/jobs/bulk", json={"jobs": jobs})

        assert answer.status_code == 400
        assert set(pointers(answer)) == {"/jobs/1/input/n", "/jobs/2/lain", "/jobs/4"}
        assert "lane" in pointers(answer)["/jobs/2/lain"]
        assert "3 jobs are not acceptable, so none of the 5" in answer.json()["detail"]
        models = await api.http.post("/v1/jobs/bulk", json={"jobs": [IMAGE, UNKNOWN]})
        assert (models.status_code, models.json()["code"]) == (404, "model_not_found")
        assert set(pointers(models)) == {"/jobs/1/model"}
        assert await count(api) == 0

    run(settings, scenario)


def test_per_item_accepts_what_it_can_and_tells_of_each(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        done = await bulk(api, [IMAGE, WRONG, UNKNOWN, IMAGE], "per_item")

        assert (done["status"], done["accepted"], done["refused"]) == (207, 2, 2)
        assert [item["status"] for item in done["data"]] == [202, 400, 404, 202]
        assert done["data"][1]["error"]["errors"][0]["pointer"] == "/jobs/1/input/n"
        assert done["data"][2]["error"]["code"] == "model_not_found"
        assert done["data"][1]["job"] is done["data"][0]["error"] is None
        assert await count(api) == 2
        assert (await bulk(api, [WRONG], "per_item"))["accepted"] == 0

    run(settings, scenario)


def test_the_same_key_gives_the_same_answer_and_no_second_job(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        key = {"Idempotency-Key": "import-1"}
        jobs = [IMAGE, WRONG, IMAGE]
        first = await bulk(api, jobs, "per_item", **key)
        again = await bulk(api, jobs, "per_item", **key)

        assert "idempotent-replayed" not in first["headers"]
        assert again["headers"]["idempotent-replayed"] == "true"
        for was, now in zip(first["data"], again["data"], strict=True):
            assert (now["job"] or {}).get("id") == (was["job"] or {}).get("id")
            assert error_of(now) == error_of(was)
        assert await count(api) == 2
        await api.end(first["data"][0]["job"]["id"])
        later = await bulk(api, jobs, "per_item", **key)
        assert later["data"][0]["job"]["status"] == "succeeded"
        other = {"jobs": [IMAGE], "mode": "per_item"}
        answer = await api.http.post("/v1/jobs/bulk", json=other, headers=key)
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")

    run(settings, scenario)


def test_ten_calls_at_once_with_one_key_write_their_jobs_once(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        key = {"Idempotency-Key": "import-1"}
        done = await asyncio.gather(*(bulk(api, [IMAGE] * 3, **key) for _ in range(10)))

        ids = {tuple(item["job"]["id"] for item in one["data"]) for one in done}
        assert len(ids) == 1
        assert sum("idempotent-replayed" not in one["headers"] for one in done) == 1
        assert await count(api) == 3

    run(settings, scenario)


def test_keys_of_two_routes_or_two_tenants_do_not_meet(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        key = {"Idempotency-Key": "one"}
        single = await api.submit(headers=key)
        many = await bulk(api, [IMAGE], **key)
        other = await new_key(api.services, "other")
        theirs = await bulk(api, [IMAGE], **key, Authorization=f"Bearer {other}")

        ids = {single["id"], many["data"][0]["job"]["id"], theirs["data"][0]["job"]["id"]}
        assert len(ids) == 3

    run(settings, scenario)


def test_unique_keys_hold_inside_a_call_and_against_earlier_jobs(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        holder = await api.submit(unique("first", "held"))
        waiting = await api.submit(unique("old", "swap"))
        done = await bulk(
            api,
            [
                unique("a", "held"),
                unique("b", "held", on_conflict="return"),
                unique("c", "new"),
                unique("d", "new"),
                unique("e", "new", on_conflict="return"),
                unique("f", "swap", on_conflict="replace"),
            ],
            "per_item",
        )
        items = done["data"]

        assert [item["status"] for item in items] == [409, 409, 202, 409, 202, 202]
        # Of two jobs of one call that want the same key, the first one speaks for both.
        assert items[0]["error"]["errors"][0]["pointer"] == "/jobs/0/unique/key"
        assert holder["id"] in items[0]["error"]["detail"]
        assert "/jobs/2 of this call" in items[3]["error"]["detail"]
        assert (items[4]["job"]["id"], items[4]["unique_replayed"]) == (
            items[2]["job"]["id"],
            True,
        )
        old = await api.http.get(waiting["urls"]["get"])
        assert old.json()["status"] == "cancelled"
        found = await bulk(api, [unique("b", "held", on_conflict="return")])
        assert found["data"][0]["job"]["id"] == holder["id"]
        refused = await api.http.post("/v1/jobs/bulk", json={"jobs": [unique("a", "held")]})
        assert (refused.status_code, refused.json()["code"]) == (409, "duplicate_job")
        await api.end(holder["id"], JobState.CANCELLED)
        assert (await bulk(api, [unique("a", "held")]))["accepted"] == 1

    run(settings, scenario)


def test_however_many_jobs_are_replaced_each_bell_is_rung_once(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        rings: list[Ring] = []

        def ring(*more: Ring) -> None:
            rings.extend(more)

        api.services.submitter._bulk_inserts._ring = ring
        jobs = [unique("a kite", f"k{n}", on_conflict="replace") for n in range(5)]
        first = await bulk(api, jobs)
        rings.clear()
        await bulk(api, jobs)

        assert sorted(ring.channel for ring in rings) == sorted([WAKE, DELIVER, DONE])
        told = next(ring.message for ring in rings if ring.channel == DONE)
        assert set(told.split()) == {item["job"]["id"] for item in first["data"]}

    run(settings, scenario)


def test_a_job_that_a_budget_refuses_lets_go_of_its_unique_key(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        await set_budget(api, amount=1)
        jobs = [unique("a", "one"), unique("b", "two")]
        done = await bulk(api, jobs, "per_item", **{"Idempotency-Key": "k"})
        async with transaction(api.services.engine) as connection:
            rows = await connection.execute(text("SELECT key FROM unique_job"))
            held = [row.key for row in rows]

        assert [item["status"] for item in done["data"]] == [202, 402]
        assert held == ["tenant//one"]
        again = await bulk(api, jobs, "per_item", **{"Idempotency-Key": "k"})
        refused = again["data"][1]["error"]
        assert (again["accepted"], refused["code"]) == (1, "budget_exhausted")
        assert refused["budget"] == done["data"][1]["error"]["budget"]

    run(settings, scenario)


WRONG_BODIES: tuple[tuple[Any, str], ...] = (
    ({}, "/jobs"),
    ({"jobs": []}, "/jobs"),
    ({"jobs": [IMAGE] * 1001}, "/jobs"),
    ({"jobs": [IMAGE], "mode": "some"}, "/mode"),
    ({"jobs": [IMAGE], "mod": "per_item"}, "/mod"),
    ({"jobs": [{**IMAGE, "metadata": {"a": "\0"}}]}, "/jobs/0/metadata/a"),
)


def test_a_wrong_call_is_refused(settings: Settings, subtests: pytest.Subtests) -> None:
    async def scenario(api: Served) -> None:
        for body, place in WRONG_BODIES:
            with subtests.test(place=place):
                answer = await api.http.post("/v1/jobs/bulk", json=body)
                assert answer.status_code == 400
                assert place in pointers(answer)
        wait = await api.http.post(
            "/v1/jobs/bulk", json={"jobs": [IMAGE]}, headers={"Prefer": "wait=5"}
        )
        assert "/headers/Prefer" in pointers(wait)
        long = {"kind": "image", "input": {"prompt": "x" * 3000}}
        one = await api.http.post("/v1/jobs/bulk", json={"jobs": [IMAGE, long]})
        assert (one.status_code, one.json()["code"]) == (413, "payload_too_large")
        all_of_it = await api.http.post("/v1/jobs/bulk", json={"jobs": [long] * 50})
        assert all_of_it.status_code == 413
        assert await count(api) == 0

    small = {"max_body_bytes": 2048, "max_bulk_bytes": 65536 * 2}
    run(settings.model_copy(update=small), scenario)

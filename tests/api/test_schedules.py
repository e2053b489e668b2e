"""Recurring schedules over HTTP."""

from typing import Any

from sqlalchemy import text

from infra.postgres.engine import transaction
from infra.settings import Settings
from schemas.schedule import ScheduleView
from tests.api.served import IMAGE, Served, new_key, pointers, run

NIGHTLY: dict[str, Any] = {
    "name": "nightly report",
    "cron": "30 2 * * *",
    "timezone": "Europe/Berlin",
    "request": {**IMAGE, "lane": "batch"},
}
UNKNOWN = "sched_01kb0q5v3mf0t8w2c7d4e9g6hj"


async def create(api: Served, **more: Any) -> dict[str, Any]:
    answer = await api.http.post("/v1/schedules", json={**NIGHTLY, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def sql(api: Served, statement: str) -> list[Any]:
    async with transaction(api.services.engine) as connection:
        result = await connection.execute(text(statement))
        return list(result.all()) if result.returns_rows else []


def test_a_schedule_is_made_and_shown_as_it_was_asked_for(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        answer = await api.http.post("/v1/schedules", json=NIGHTLY)
        made = answer.json()

        assert answer.status_code == 201
        assert answer.headers["location"] == f"{api.url}/v1/schedules/{made['id']}"
        assert list(made) == list(ScheduleView.model_fields)
        assert {name: made[name] for name in NIGHTLY} == NIGHTLY
        assert made["catch_up"] == "once"
        assert made["paused"] is False
        assert made["next_at"].endswith(("T00:30:00.000Z", "T01:30:00.000Z"))
        assert made["last_run"] is None
        shown = await api.http.get(f"/v1/schedules/{made['id']}")
        assert shown.json() == made

    run(settings, scenario)


def test_every_fault_of_a_schedule_is_named(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        async def refused(**more: Any) -> tuple[int, set[str]]:
            answer = await api.http.post("/v1/schedules", json={**NIGHTLY, **more})
            return answer.status_code, set(pointers(answer))

        assert await refused(cron="every night") == (400, {"/cron"})
        assert await refused(timezone="Berlin") == (400, {"/timezone"})
        assert await refused(name=" padded ") == (400, {"/name"})
        assert await refused(catch_up="all") == (400, {"/catch_up"})
        assert await refused(request={"kind": "image"}) == (400, {"/request/input"})
        assert await refused(request={**IMAGE, "lan": "x"}) == (400, {"/request/lan"})
        assert await refused(request={"kind": "image", "input": {"promt": "x"}}) == (
            400,
            {"/request/input/prompt", "/request/input/promt"},
        )
        assert await refused(request={**IMAGE, "model": "gone"}) == (404, {"/request/model"})
        assert await refused(request={**IMAGE, "run_at": "2030-01-01T00:00:00Z"}) == (
            400,
            {"/request/run_at"},
        )

    run(settings, scenario)


def test_a_name_is_given_once(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        await create(api)
        other = await create(api, name="other")

        again = await api.http.post("/v1/schedules", json=NIGHTLY)
        renamed = await api.http.patch(
            f"/v1/schedules/{other['id']}", json={"name": NIGHTLY["name"]}
        )

        for answer in (again, renamed):
            assert answer.status_code == 409
            assert answer.json()["code"] == "name_taken"
        key = await new_key(api.services, "stranger")
        headers = {"Authorization": f"Bearer {key}"}
        theirs = await api.http.post("/v1/schedules", json=NIGHTLY, headers=headers)
        assert theirs.status_code == 201

    run(settings, scenario)


def test_schedules_are_listed_by_name_in_pages(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        for name in ("c", "a", "b"):
            await create(api, name=name)

        first = await api.http.get("/v1/schedules?limit=2")
        page = first.json()
        assert [one["name"] for one in page["data"]] == ["a", "b"]
        assert page["has_more"] is True
        link = first.headers["link"].partition(">")[0].removeprefix("<")
        second = (await api.http.get(link)).json()
        assert [one["name"] for one in second["data"]] == ["c"]
        assert second["next"] is None
        for wrong in ("limit=0", "after=%00", "afer=x"):
            assert (await api.http.get(f"/v1/schedules?{wrong}")).status_code == 400

    run(settings, scenario)


def test_a_change_leaves_alone_what_it_does_not_name(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        made = await create(api)
        place = f"/v1/schedules/{made['id']}"

        renamed = (await api.http.patch(place, json={"name": "new"})).json()
        assert renamed == {**made, "name": "new"}
        moved = (await api.http.patch(place, json={"cron": "@hourly"})).json()
        assert moved["cron"] == "@hourly"
        assert moved["next_at"] != made["next_at"]
        assert moved["request"] == NIGHTLY["request"]
        wrong = await api.http.patch(place, json={"crn": "@hourly"})
        assert "did you mean 'cron'" in pointers(wrong)["/crn"]

    run(settings, scenario)


def test_a_schedule_is_paused_and_resumed(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        made = await create(api)
        place = f"/v1/schedules/{made['id']}"

        paused = (await api.http.post(f"{place}/pause")).json()
        assert paused["paused"] is True
        assert paused["next_at"] is None
        assert (await api.http.post(f"{place}/resume")).json() == made

    run(settings, scenario)


def test_a_trigger_is_a_job_now_once_per_key(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        made = await create(api, paused=True)
        place = f"/v1/schedules/{made['id']}"
        key = {"Idempotency-Key": "now"}

        first = await api.http.post(f"{place}/trigger", headers=key)
        again = await api.http.post(f"{place}/trigger", headers=key)

        job = first.json()
        assert first.status_code == 202
        assert job["lane"] == "batch"
        assert first.headers["location"] == job["urls"]["get"]
        assert again.json()["id"] == job["id"]
        assert again.headers["idempotent-replayed"] == "true"
        runs = (await api.http.get(f"{place}/runs")).json()
        assert [one["job_id"] for one in runs["data"]] == [job["id"]]
        shown = (await api.http.get(place)).json()
        assert shown["last_run"] == runs["data"][0]

    run(settings, scenario)


def test_runs_are_listed_newest_first_in_pages(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        made = await create(api)
        place = f"/v1/schedules/{made['id']}/runs"
        await sql(
            api,
            "INSERT INTO schedule_run (schedule_id, slot, error)"
            " SELECT id, timestamptz '2026-01-01 00:00Z' + n * interval '1 hour', 'gone'"
            " FROM schedule, generate_series(1, 3) AS n",
        )

        first = (await api.http.get(f"{place}?limit=2")).json()
        assert [one["slot"][11:13] for one in first["data"]] == ["03", "02"]
        second = (await api.http.get(place, params={"after": first["next"]})).json()
        assert second["data"] == [
            {"slot": "2026-01-01T01:00:00.000Z", "job_id": None, "error": "gone"}
        ]
        assert (await api.http.get(f"{place}?after=soon")).status_code == 400

    run(settings, scenario)


def test_a_deleted_schedule_is_gone_and_its_jobs_stay(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        made = await create(api)
        place = f"/v1/schedules/{made['id']}"
        job = (await api.http.post(f"{place}/trigger")).json()

        assert (await api.http.delete(place)).status_code == 204

        assert (await api.http.get(place)).status_code == 404
        assert (await api.http.delete(place)).status_code == 404
        assert (await api.http.get(f"/v1/jobs/{job['id']}")).status_code == 200
        assert await sql(api, "SELECT * FROM schedule_run") == []

    run(settings, scenario)


def test_nobody_sees_or_moves_another_tenants_schedule(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        made = await create(api)
        key = await new_key(api.services, "stranger")
        headers = {"Authorization": f"Bearer {key}"}

        for schedule in (made["id"], UNKNOWN, "sched_x", "job_01kb0q5v3mf0t8w2c7d4e9g6hj"):
            place = f"/v1/schedules/{schedule}"
            for method, path in (
                ("GET", place),
                ("PATCH", place),
                ("DELETE", place),
                ("GET", f"{place}/runs"),
                ("POST", f"{place}/pause"),
                ("POST", f"{place}/resume"),
                ("POST", f"{place}/trigger"),
            ):
                body: Any = {} if method == "PATCH" else None
                answer = await api.http.request(method, path, headers=headers, json=body)
                assert answer.status_code == 404, (method, path)
                assert answer.json()["code"] == "not_found"
        assert (await api.http.get("/v1/schedules", headers=headers)).json()["data"] == []

    run(settings, scenario)

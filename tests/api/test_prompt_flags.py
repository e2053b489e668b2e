"""Flags at the end of prompts, by every door: read where that is asked, else left alone."""

import asyncio
from typing import Any

import psycopg

from infra.postgres.engine import transaction
from infra.postgres.erase_content import erase_content
from infra.settings import Settings
from schemas.ids import parse_id
from tests.api.dead_letters import dead, redrive
from tests.api.served import Served, pointers, run
from tests.api.test_tenants import TENANTS, as_tenant, operator

TYPED = "a marzipan kite --ar 16:9 --seed 7 --n 2 --relax"
READ = {"prompt": "a marzipan kite", "size": "1344x768", "seed": 7, "n": 2}
FLAGGED: dict[str, Any] = {"kind": "image", "input": {"prompt": TYPED}, "prompt_flags": True}


def _is_read(job: dict[str, Any], lane: str = "relax") -> bool:
    assert job["input"] == READ
    assert job["prompt_as_typed"] == TYPED
    assert job["lane"] == lane
    return True


def test_a_prompt_is_read_where_its_job_asks_and_stays_as_typed_elsewhere(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        made = await api.submit(FLAGGED)
        assert _is_read(made)
        assert _is_read((await api.http.get(f"/v1/jobs/{made['id']}")).json())
        claim = await api.claim(made["id"])
        assert dict(claim.input) == READ
        plain = await api.submit({**FLAGGED, "prompt_flags": False})
        assert plain["input"] == {"prompt": TYPED}
        assert plain["prompt_as_typed"] is None
        bulk = await api.http.post("/v1/jobs/bulk", json={"jobs": [FLAGGED]})
        assert _is_read(bulk.json()["data"][0]["job"])
        estimate = await api.http.post("/v1/estimate", json=FLAGGED)
        assert estimate.status_code == 200
        assert settings.encrypt_content
        assert "marzipan" not in _rows(settings)
        async with transaction(api.services.engine) as connection:
            key = parse_id("job", made["id"])
            await erase_content(connection, [key], prompts=True, results=False)
        gone = (await api.http.get(f"/v1/jobs/{made['id']}")).json()
        assert gone["prompt_as_typed"] is None

    run(settings, scenario)


def _rows(settings: Settings) -> str:
    with psycopg.connect(settings.database_url.get_secret_value()) as connection:
        return str(connection.execute("SELECT body FROM payload").fetchall())


def test_openais_routes_read_flags_where_genq_is_told_to(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        async def held(**body: Any) -> dict[str, Any]:
            call = asyncio.create_task(api.http.post("/v1/images/generations", json=body))
            found: list[dict[str, Any]] = []
            while not found:
                found = (await api.http.get("/v1/jobs?status=queued")).json()["data"]
            await api.end(found[0]["id"], pictures=[b"x"])
            assert (await call).status_code == 200
            return found[0]

        read = await held(prompt=TYPED, genq={"prompt_flags": True})
        assert _is_read(read)
        plain = await held(prompt=TYPED)
        assert (plain["input"]["prompt"], plain["lane"]) == (TYPED, "fast")
        told = {"prompt_flags": True, "lane": "turbo"}
        refused = await api.http.post(
            "/v1/images/generations", json={"prompt": TYPED, "genq": told}
        )
        assert refused.status_code == 400
        assert "names a lane too" in refused.text

    run(settings, scenario)


def test_flags_that_are_wrong_or_not_allowed_are_refused(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        wrong = "a marzipan kite --arr 3 --seed x --no tails"
        answer = await api.http.post("/v1/jobs", json={**FLAGGED, "input": {"prompt": wrong}})

        assert answer.status_code == 400
        assert [one["message"].split(": ")[0] for one in answer.json()["errors"]] == [
            "character 17", "character 25", "character 34",
        ]  # fmt: skip
        assert set(pointers(answer)) == {"/input/prompt"}
        assert "marzipan" not in answer.text
        chat: dict[str, Any] = {"kind": "chat", "input": {"messages": []}, "prompt_flags": True}
        assert set(pointers(await api.http.post("/v1/jobs", json=chat))) == {"/prompt_flags"}
        await operator(api)
        await api.http.patch(f"{TENANTS}/acme", json={"allowed_lanes": ["fast"]})
        headers = await as_tenant(api, "acme")
        denied = await api.http.post("/v1/jobs", json=FLAGGED, headers=headers)
        assert (denied.status_code, set(pointers(denied))) == (403, {"/lane"})

    run(settings, scenario)


def test_schedules_keep_the_wish_and_unique_keys_mean_the_lane_of_the_flag(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        daily = {"name": "daily", "cron": "@daily", "request": FLAGGED}
        schedule = (await api.http.post("/v1/schedules", json=daily)).json()["id"]
        run_now = await api.http.post(f"/v1/schedules/{schedule}/trigger", json={})
        assert run_now.status_code in {200, 202}, run_now.text
        newest = (await api.http.get("/v1/jobs?limit=1")).json()["data"][0]
        assert _is_read(newest)
        unique = {"unique": {"key": "one", "scope": "lane"}}
        await api.submit({**FLAGGED, **unique})
        fast = {**FLAGGED, "input": {"prompt": "a kite"}, **unique}
        same = {**fast, "lane": "relax"}

        assert (await api.http.post("/v1/jobs", json=fast)).status_code == 202
        assert (await api.http.post("/v1/jobs", json=same)).status_code == 409

    run(settings, scenario)


def test_a_job_that_is_done_again_shows_its_prompt_as_it_was_typed(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        first, second, third = [await dead(api, FLAGGED) for _ in range(3)]
        answer = await api.http.post(f"/v1/jobs/{first}/retry")
        assert answer.status_code == 202, answer.text
        assert _is_read(answer.json())
        (pair,) = (await redrive(api, job_id=second))["jobs"]
        assert _is_read((await api.http.get(f"/v1/jobs/{pair['job']}")).json())
        assert "marzipan" not in _rows(settings)
        # Of what was edited, nobody typed the whole.
        (pair,) = (await redrive(api, job_id=third, edits={"input": {"seed": 8}}))["jobs"]
        edited = (await api.http.get(f"/v1/jobs/{pair['job']}")).json()
        assert (edited["input"]["seed"], edited["prompt_as_typed"]) == (8, None)

    run(settings, scenario)

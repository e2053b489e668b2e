"""People's data: exported, erased, at once and for good; and what the law holds back."""

import asyncio
from typing import Any

import orjson
import pytest

from infra.audit_bytes import key_of
from infra.settings import Settings
from producer.audit.verification import verify
from producer.cancel import Canceller
from producer.privacy.erasure_walk import ErasureWalk
from schemas.ids import parse_id
from schemas.scopes import KeyScope
from tests.api.people import (
    ANSWER,
    ERASURES,
    HOLDS,
    RETENTION,
    SECRET,
    as_admin,
    carry_out,
    ended,
    erase,
    exported,
    hold,
    shown,
    sql,
    submitted,
)
from tests.api.served import Served, new_key, run


def test_an_erased_person_is_unreadable_at_once_and_gone_soon_after(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        done, waits, other = await ended(api), await submitted(api), await ended(api, "bob")
        asked = await erase(api)
        assert (asked["status"], asked["held"]) == ("waiting", {"holds": [], "evidence": []})
        assert "ada" not in orjson.dumps(asked).decode()
        at_once = await shown(api, done)
        assert (at_once["input"], at_once["output"]["text"]) == ({}, None)
        assert at_once["content"] == "erased"

        await carry_out(api)
        after = (await api.http.get(f"{ERASURES}/{asked['id']}")).json()
        assert after["status"] == "done"
        assert after["counts"] == {"jobs": 2, "objects": 1, "held": 0}
        assert (await shown(api, waits))["status"] == "cancelled"
        gone = await shown(api, done)
        assert (gone["end_user"], gone["metadata"], gone["content"]) == (None, {}, "erased")
        full = "SELECT octet_length(body) > 0 AS full FROM outbox WHERE job_id = :id"
        ((event,),) = await sql(api, full, id=parse_id("job", done))
        assert not event
        kept = await shown(api, other)
        assert (kept["content"], kept["output"]["text"]) == ("kept", ANSWER)

        anew = await submitted(api)
        assert (await shown(api, anew))["input"]["messages"][0]["content"] == SECRET

    run(settings, scenario)


def test_a_persons_schedules_lie_sealed_and_go_with_them(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        request = {"kind": "image", "input": {"prompt": SECRET}}
        for end_user in ("ada", "bob"):
            body = {"name": end_user, "cron": "@daily", "request": request}
            body["request"] = request | {"end_user": end_user}
            made = await api.http.post("/v1/schedules", json=body)
            assert made.json()["request"]["input"]["prompt"] == SECRET, made.text
        (stored, _) = await sql(api, "SELECT request::text AS told FROM schedule")
        assert SECRET not in stored.told

        await ended(api)
        await erase(api)
        await carry_out(api)
        (left,) = (await api.http.get("/v1/schedules")).json()["data"]
        assert (left["name"], left["request"]["input"]["prompt"]) == ("bob", SECRET)

    run(settings, scenario)


def test_what_was_erased_is_410_and_cannot_be_tried_again(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        done, waits = await ended(api), await submitted(api)
        await erase(api)
        await carry_out(api)

        picture = await api.http.get(f"/v1/jobs/{done}/artifacts/0")
        again = await api.http.post(f"/v1/jobs/{waits}/retry")
        for refused in (picture, again):
            assert (refused.status_code, refused.json()["code"]) == (410, "content_erased")

    run(settings, scenario)


def test_an_export_has_all_of_a_person_and_nothing_after_the_erasure(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        done, waits = await ended(api), await submitted(api)
        await ended(api, "bob")
        found = await exported(api)
        assert [job["id"] for job in found] == [done, waits]
        assert found[0]["input"]["messages"][0]["content"] == SECRET
        assert found[0]["output"]["text"] == ANSWER
        assert found[0]["output"]["artifacts"][0]["url"].startswith(api.url)

        await erase(api)
        await carry_out(api)
        assert await exported(api) == []

    run(settings, scenario)


def test_an_erasure_is_on_record_by_pseudonym_and_the_record_stays_sound(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        await ended(api)
        await erase(api)
        await carry_out(api)

        verdict = await verify(api.services.engine, api.services.store, key_of(settings))
        assert (verdict.faults, verdict.entries) == ([], 2)
        logged = (await api.http.get("/v1/audit")).json()["data"]
        assert [entry["action"] for entry in logged] == ["erasure.done", "erasure.asked"]
        assert "ada" not in orjson.dumps(logged).decode()

    run(settings, scenario)


def test_an_erasure_whose_process_dies_between_its_steps_goes_on_where_it_was(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        jobs = [await ended(api) for _ in range(2)]
        await erase(api)

        class Dying(Exception):
            pass

        class Deadly:
            """Deletes one object, and dies."""

            async def delete(self, key: str) -> None:
                await api.services.store.delete(key)
                raise Dying

        services = api.services
        canceller = Canceller(services.engine, services.settings, services.doorbells)
        deadly: Any = Deadly()
        dying = ErasureWalk(services.engine, services.settings, deadly, canceller)
        with pytest.raises(Dying):
            await carry_out(api, dying)
        assert (await api.http.get(ERASURES)).json()["data"][0]["status"] == "waiting"

        # Two at once after that: each part counts once.
        await asyncio.gather(carry_out(api), carry_out(api))
        await carry_out(api)
        (done,) = (await api.http.get(ERASURES)).json()["data"]
        assert (done["status"], done["counts"]["jobs"]) == ("done", 2)
        for job_id in jobs:
            assert (await shown(api, job_id))["end_user"] is None

    run(settings, scenario)


def test_a_job_on_hold_stays_readable_and_is_listed_until_it_is_released(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        admin = await as_admin(api)
        held, free = await ended(api), await ended(api)
        of_job = await hold(api, admin, job_id=held)

        asked = await erase(api)
        assert asked["held"]["holds"] == [of_job]
        await carry_out(api)
        (after,) = (await api.http.get(ERASURES)).json()["data"]
        assert (after["status"], after["held"]["holds"]) == ("done", [of_job])
        assert after["counts"] == {"jobs": 1, "objects": 1, "held": 1}
        kept = await shown(api, held)
        assert (kept["output"]["text"], kept["end_user"]) == (ANSWER, "ada")
        assert (await shown(api, free))["content"] == "erased"

        path = f"{HOLDS}/{of_job}"
        assert (await api.http.delete(path, headers=admin)).status_code == 204
        assert (await api.http.delete(path, headers=admin)).status_code == 404
        await erase(api)
        await carry_out(api)
        assert (await shown(api, held))["content"] == "erased"

    run(settings, scenario)


def test_a_person_on_hold_is_not_erased_and_the_answer_names_the_hold(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        admin = await as_admin(api)
        job_id = await ended(api)
        of_person = await hold(api, admin, end_user="ada")
        refused = await api.http.post(ERASURES, json={"end_user": "ada"})
        assert (refused.status_code, refused.json()["code"]) == (409, "under_legal_hold")
        assert of_person in refused.json()["detail"]
        await carry_out(api)
        assert (await shown(api, job_id))["output"]["text"] == ANSWER

        (listed,) = (await api.http.get(HOLDS, headers=admin)).json()["data"]
        assert (listed["id"], listed["reason"]) == (of_person, "case 12")
        assert "ada" not in orjson.dumps(listed).decode()
        assert (await api.http.get(HOLDS)).status_code == 403

    run(settings, scenario)


def test_other_tenants_and_keys_without_the_scope_see_and_change_nothing(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        await ended(api)
        asked = await erase(api, "bob")
        stranger = {"Authorization": f"Bearer {await new_key(api.services, 'globex')}"}
        path = f"{ERASURES}/{asked['id']}"
        assert (await api.http.get(path, headers=stranger)).status_code == 404
        query = {"end_user": "ada"}
        theirs = await api.http.get("/v1/privacy/export", params=query, headers=stranger)
        assert (theirs.status_code, theirs.content) == (200, b"")

        reader = await new_key(api.services, "acme", KeyScope.JOBS_READ)
        headers = {"Authorization": f"Bearer {reader}"}
        for method, where in (("GET", RETENTION), ("POST", ERASURES), ("GET", ERASURES)):
            answer = await api.http.request(method, where, headers=headers, json=query)
            assert answer.status_code == 403, where
        wrong = await api.http.put(RETENTION, json={"prompt_hours": -1, "result_hours": 1})
        assert wrong.status_code == 400

    run(settings, scenario)

"""People's data: kept for as long as a tenant says, exported, erased; and what the law holds."""

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from infra.audit_bytes import key_of
from infra.clock import SystemClock
from infra.postgres.engine import transaction, whole_transactions
from infra.settings import Settings
from producer.audit.verification import verify
from producer.cancel import Canceller
from producer.privacy.erasure_walk import ErasureWalk
from producer.privacy.janitor import Janitor
from schemas.errors import ObjectStoreError
from schemas.ids import parse_id
from schemas.scopes import KeyScope
from tests.api.served import Served, new_key, run

SECRET = "a letter to my doctor"
ANSWER = "dear patient"
_RETENTION = "/v1/privacy/retention"
_ERASURES = "/v1/privacy/erasures"
_HOLDS = "/v1/admin/legal_holds"


async def sql(api: Served, statement: str, **values: Any) -> Sequence[Any]:
    async with transaction(whole_transactions(api.services.engine)) as connection:
        found = await connection.execute(text(statement), values)
        return found.all() if found.returns_rows else ()


async def submitted(api: Served, end_user: str | None = "ada") -> str:
    body = {"kind": "chat", "input": {"messages": [{"role": "user", "content": SECRET}]}}
    job = await api.submit(body | {"end_user": end_user, "metadata": {"name": "Ada L."}})
    return job["id"]


async def ended(api: Served, end_user: str | None = "ada") -> str:
    job_id = await submitted(api, end_user)
    await end(api, job_id)
    return job_id


async def end(api: Served, job_id: str, *, hours_ago: int = 0) -> None:
    await api.end(job_id, text=ANSWER, pictures=(b"picture",))
    await sql(
        api,
        "UPDATE job SET finished_at = now() - make_interval(hours => :hours) WHERE id = :id",
        id=parse_id("job", job_id),
        hours=hours_ago,
    )


async def shown(api: Served, job_id: str) -> dict[str, Any]:
    return (await api.http.get(f"/v1/jobs/{job_id}")).json()


async def exported(api: Served, end_user: str = "ada") -> list[dict[str, Any]]:
    answer = await api.http.get("/v1/privacy/export", params={"end_user": end_user})
    assert answer.status_code == 200
    return [orjson.loads(line) for line in answer.content.splitlines()]


def walk_of(api: Served) -> ErasureWalk:
    services = api.services
    canceller = Canceller(services.engine, services.settings, services.doorbells)
    return ErasureWalk(services.engine, services.settings, services.store, canceller)


async def carry_out(api: Served, walk: ErasureWalk | None = None) -> None:
    """Let the grace pass, and do what dispatchers do."""
    await sql(
        api,
        "UPDATE erasure SET asked_at = asked_at - interval '3 seconds'"
        " WHERE state = 0 AND asked_at > now() - interval '3 seconds'",
    )
    here = walk or walk_of(api)
    while await here.step():
        pass


async def erase(api: Served, end_user: str = "ada") -> Any:
    answer = await api.http.post(_ERASURES, json={"end_user": end_user})
    assert answer.status_code == 202, answer.text
    return answer.json()


async def hold(api: Served, admin: dict[str, str], **what: str) -> str:
    body = {"tenant": "acme", "reason": "case 12", **what}
    answer = await api.http.post(_HOLDS, json=body, headers=admin)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def as_admin(api: Served) -> dict[str, str]:
    key = await new_key(api.services, "operators", KeyScope.ADMIN)
    return {"Authorization": f"Bearer {key}"}


def test_an_erased_person_is_unreadable_at_once_and_gone_soon_after(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        done, waits, other = await ended(api), await submitted(api), await ended(api, "bob")
        assert [job["id"] for job in await exported(api)] == [done, waits]
        assert (await exported(api))[0]["output"]["text"] == ANSWER

        asked = await erase(api)
        assert (asked["status"], asked["held"]) == ("waiting", {"holds": [], "evidence": []})
        assert "ada" not in orjson.dumps(asked).decode()
        at_once = await shown(api, done)
        assert (at_once["input"], at_once["output"]["text"]) == ({}, None)
        assert at_once["content"] == "erased"

        await carry_out(api)
        after = (await api.http.get(f"{_ERASURES}/{asked['id']}")).json()
        assert (after["status"], after["counts"]) == (
            "done", {"jobs": 2, "objects": 1, "held": 0}
        )  # fmt: skip
        assert await exported(api) == []
        assert (await shown(api, waits))["status"] == "cancelled"
        gone = await shown(api, done)
        assert (gone["end_user"], gone["metadata"], gone["content"]) == (None, {}, "erased")
        picture = await api.http.get(f"/v1/jobs/{done}/artifacts/0")
        assert (picture.status_code, picture.json()["code"]) == (410, "content_erased")
        again = await api.http.post(f"/v1/jobs/{waits}/retry")
        assert (again.status_code, again.json()["code"]) == (410, "content_erased")
        assert [row.full for row in await sql(
            api, "SELECT octet_length(body) > 0 AS full FROM outbox WHERE job_id = :id",
            id=parse_id("job", done),
        )] == [False]  # fmt: skip

        kept = await shown(api, other)
        assert (kept["content"], kept["output"]["text"]) == ("kept", ANSWER)
        verdict = await verify(api.services.engine, api.services.store, key_of(settings))
        assert verdict.faults == []
        logged = (await api.http.get("/v1/audit")).json()["data"]
        told = [entry["action"] for entry in logged if entry["action"].startswith("erasure")]
        assert told == ["erasure.done", "erasure.asked"]
        assert "ada" not in orjson.dumps(logged).decode()

        anew = await submitted(api)
        assert (await shown(api, anew))["input"]["messages"][0]["content"] == SECRET

    run(settings, scenario)


def test_an_erasure_whose_process_dies_between_its_steps_goes_on_where_it_was(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        jobs = [await ended(api) for _ in range(2)]
        await erase(api)

        class Dying(Exception):  # noqa: N818 - it stands for kill -9
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
        assert (await api.http.get(_ERASURES)).json()["data"][0]["status"] == "waiting"

        # Two at once after that: each part counts once.
        await asyncio.gather(carry_out(api), carry_out(api))
        await carry_out(api)
        (done,) = (await api.http.get(_ERASURES)).json()["data"]
        assert (done["status"], done["counts"]["jobs"]) == ("done", 2)
        for job_id in jobs:
            assert (await shown(api, job_id))["end_user"] is None

    run(settings, scenario)


def test_what_a_legal_hold_keeps_stays_readable_and_is_listed(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        admin = await as_admin(api)
        held, free = await ended(api), await ended(api)
        of_job = await hold(api, admin, job_id=held)

        asked = await erase(api)
        assert asked["held"]["holds"] == [of_job]
        await carry_out(api)
        (after,) = (await api.http.get(_ERASURES)).json()["data"]
        assert (after["status"], after["held"]["holds"]) == ("done", [of_job])
        assert after["counts"] == {"jobs": 1, "objects": 1, "held": 1}
        kept = await shown(api, held)
        assert (kept["output"]["text"], kept["end_user"]) == (ANSWER, "ada")
        assert (await shown(api, free))["content"] == "erased"

        of_person = await hold(api, admin, end_user="bob")
        refused = await api.http.post(_ERASURES, json={"end_user": "bob"})
        assert (refused.status_code, refused.json()["code"]) == (409, "under_legal_hold")
        assert of_person in refused.json()["detail"]
        listed = (await api.http.get(_HOLDS, headers=admin)).json()["data"]
        assert [one["id"] for one in listed] == [of_person, of_job]
        assert (await api.http.get(_HOLDS)).status_code == 403

        path = f"{_HOLDS}/{of_job}"
        assert (await api.http.delete(path, headers=admin)).status_code == 204
        assert (await api.http.delete(path, headers=admin)).status_code == 404
        await erase(api)
        await carry_out(api)
        assert (await shown(api, held))["content"] == "erased"

    run(settings, scenario)


def test_content_goes_when_its_time_is_over_and_neither_sooner_nor_from_under_a_hold(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        admin = await as_admin(api)
        services = api.services
        janitor = Janitor(services.engine, settings, services.store, SystemClock())
        old, held, waits = [await submitted(api, None) for _ in range(3)]
        for job_id in (old, held):
            await end(api, job_id, hours_ago=3)
        young = await ended(api)
        of_job = await hold(api, admin, job_id=held)
        rule = {"prompt_hours": 0, "result_hours": 2}
        assert (await api.http.put(_RETENTION, json=rule)).status_code == 200
        # For images nothing is said but this.
        other = {"kind": "image", "prompt_hours": 100, "result_hours": 100}
        assert (await api.http.put(_RETENTION, json=other)).status_code == 200
        picture = (await api.submit())["id"]
        await api.end(picture, pictures=(b"another",))
        await janitor.sweep()

        assert (await shown(api, old))["content"] == "input_erased"
        assert (await shown(api, young))["content"] == "input_erased"
        assert (await shown(api, young))["output"]["text"] == ANSWER
        assert (await shown(api, held))["content"] == "kept"
        assert (await shown(api, picture))["content"] == "kept"
        assert (await shown(api, waits))["content"] == "kept"

        # What was not over is looked at again.
        await end(api, waits)
        await janitor.sweep()
        assert (await shown(api, waits))["content"] == "input_erased"

        zero = {"prompt_hours": 0, "result_hours": 0}
        assert (await api.http.put(_RETENTION, json=zero)).status_code == 200
        await janitor.sweep()
        for job_id in (old, young, waits):
            assert (await shown(api, job_id))["content"] == "erased"
        assert (await api.http.get(f"/v1/jobs/{old}/artifacts/0")).status_code == 410
        assert (await shown(api, held))["output"]["text"] == ANSWER

        assert (await api.http.delete(f"{_HOLDS}/{of_job}", headers=admin)).status_code == 204
        anew = Janitor(services.engine, settings, services.store, SystemClock())
        await anew.sweep()
        assert (await shown(api, held))["content"] == "erased"
        rules = (await api.http.get(_RETENTION)).json()["data"]
        assert [one["kind"] for one in rules] == [None, "image"]
        gone = await api.http.delete(_RETENTION, params={"kind": "image"})
        assert gone.status_code == 204
        assert (await api.http.delete(_RETENTION, params={"kind": "image"})).status_code == 404

    run(settings, scenario)


def test_a_store_that_cannot_delete_keeps_the_job_until_it_can(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        services = api.services
        job_id = await ended(api)
        zero = {"prompt_hours": 0, "result_hours": 0}
        await api.http.put(_RETENTION, json=zero)

        class Broken:
            async def delete(self, key: str) -> None:
                raise ObjectStoreError(f"{key}: not today")

        broken: Any = Broken()
        janitor = Janitor(services.engine, settings, broken, SystemClock())
        with pytest.raises(ObjectStoreError):
            await janitor.sweep()
        assert (await api.http.get(f"/v1/jobs/{job_id}/artifacts/0")).content == b"picture"
        await Janitor(services.engine, settings, services.store, SystemClock()).sweep()
        assert (await shown(api, job_id))["content"] == "erased"

    run(settings, scenario)


def test_other_tenants_and_keys_without_the_scope_see_and_change_nothing(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        await ended(api)
        asked = await erase(api, "bob")
        stranger = {"Authorization": f"Bearer {await new_key(api.services, 'globex')}"}
        path = f"{_ERASURES}/{asked['id']}"
        assert (await api.http.get(path, headers=stranger)).status_code == 404
        query = {"end_user": "ada"}
        theirs = await api.http.get("/v1/privacy/export", params=query, headers=stranger)
        assert (theirs.status_code, theirs.content) == (200, b"")

        reader = await new_key(api.services, "acme", KeyScope.JOBS_READ)
        headers = {"Authorization": f"Bearer {reader}"}
        for method, where in (("GET", _RETENTION), ("POST", _ERASURES), ("GET", _ERASURES)):
            answer = await api.http.request(method, where, headers=headers, json=query)
            assert answer.status_code == 403, where
        wrong = await api.http.put(_RETENTION, json={"prompt_hours": -1, "result_hours": 1})
        assert wrong.status_code == 400

    run(settings, scenario)

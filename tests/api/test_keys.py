"""API keys over HTTP: shown once, never more than their maker, rotated with an overlap."""

from datetime import datetime, timedelta
from typing import Any

import httpx2
from sqlalchemy import text

from infra.postgres.engine import transaction
from infra.settings import Settings
from producer.api.auth import FRESH
from schemas.api_key import DEFAULT_OVERLAP, NewKeyView
from schemas.scopes import KeyScope
from tests.api.served import Served, new_key, pointers, run


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def make(api: Served, **body: Any) -> dict[str, Any]:
    answer = await api.http.post("/v1/keys", json={"name": "ci", **body})
    assert answer.status_code == 201, answer.text
    return answer.json()


def instant(text_: str) -> datetime:
    return datetime.fromisoformat(text_)


def test_a_key_is_shown_once_and_works(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        answer = await api.http.post("/v1/keys", json={"name": "ci"})
        made = answer.json()

        assert answer.status_code == 201
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["location"] == f"{api.url}/v1/keys/{made['id']}"
        assert list(made) == list(NewKeyView.model_fields)
        assert made["scopes"] == [
            "jobs:read",
            "jobs:write",
            "tenant:read",
            "tenant:write",
            "webhooks:read",
            "webhooks:write",
            "safety:read",
            "safety:write",
            "privacy",
            "review",
            "review:lead",
        ]
        assert made["key"].startswith(made["prefix"])
        assert (await api.http.get("/v1/jobs", headers=bearer(made["key"]))).status_code == 200
        shown = (await api.http.get(f"/v1/keys/{made['id']}")).json()
        # It was used meanwhile, and that may have been noted.
        del made["key"], made["last_used_at"], shown["last_used_at"]
        assert shown == made
        listed = (await api.http.get("/v1/keys")).json()["data"]
        assert [key["name"] for key in listed] == ["ci", "test"]
        assert not any("key" in key for key in listed)

    run(settings, scenario)


def test_keys_are_listed_page_by_page(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        for number in range(3):
            await make(api, name=f"key {number}")

        first = await api.http.get("/v1/keys", params={"limit": 2})
        page = first.json()
        second = await api.http.get(first.links["next"]["url"])

        assert [key["name"] for key in page["data"]] == ["key 2", "key 1"]
        assert (page["has_more"], page["next"]) == (True, page["data"][-1]["id"])
        assert [key["name"] for key in second.json()["data"]] == ["key 0", "test"]
        assert second.json()["next"] is None

    run(settings, scenario)


def test_a_key_may_do_what_its_scopes_say_and_the_refusal_names_what_is_missing(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        reader = bearer((await make(api, scopes=["jobs:read"]))["key"])

        assert (await api.http.get("/v1/jobs", headers=reader)).status_code == 200
        for method, path, scope in (
            ("POST", "/v1/jobs", "jobs:write"),
            ("GET", "/v1/tenant", "tenant:read"),
            ("POST", "/v1/keys", "tenant:write"),
            ("GET", "/v1/admin/tenants", "admin"),
        ):
            refused = await api.http.request(method, path, headers=reader, json={})
            assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
            assert f"needs the scope {scope};" in refused.json()["detail"]
            assert "has jobs:read:" in refused.json()["detail"]
        # The key that may do everything of its own tenant is no operator's.
        assert (await api.http.get("/v1/admin/tenants")).status_code == 403

    run(settings, scenario)


def test_a_key_can_neither_make_nor_touch_a_key_that_may_do_more(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        strong = (await api.http.get("/v1/keys")).json()["data"][0]
        weak = bearer((await make(api, scopes=["jobs:read", "tenant:write"]))["key"])

        unsaid = await api.http.post("/v1/keys", json={"name": "x"}, headers=weak)
        assert unsaid.json()["scopes"] == ["jobs:read", "tenant:write"]
        more = {"name": "x", "scopes": ["jobs:read", "jobs:write"]}
        refused = await api.http.post("/v1/keys", json=more, headers=weak)
        assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
        assert pointers(refused) == {"/scopes": "beyond your key: jobs:write"}
        admin = await api.http.post("/v1/keys", json={"name": "x", "scopes": ["admin"]})
        assert admin.status_code == 403
        for method, step in (("POST", "/rotate"), ("DELETE", "")):
            path = f"/v1/keys/{strong['id']}{step}"
            touched = await api.http.request(method, path, headers=weak)
            assert (touched.status_code, touched.json()["code"]) == (403, "permission_denied")
        assert (await api.http.get("/v1/jobs")).status_code == 200

    run(settings, scenario)


def test_a_rotated_key_works_on_for_the_overlap_and_the_new_one_may_do_the_same(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        old = await make(api, scopes=["jobs:read"], expires_at=3600)
        path = f"/v1/keys/{old['id']}"

        answer = await api.http.post(f"{path}/rotate", json={"overlap": "PT10M"})
        new = answer.json()
        replaced = (await api.http.get(path)).json()

        assert answer.status_code == 201
        assert (new["name"], new["scopes"]) == ("ci", ["jobs:read"])
        assert new["key"] != old["key"]
        # As long as the old one was to live, from now.
        lives = instant(new["expires_at"]) - instant(new["created_at"])
        assert abs(lives - timedelta(hours=1)) < timedelta(seconds=5)
        assert replaced["replaced_by"] == new["id"]
        ends = instant(replaced["expires_at"]) - instant(new["created_at"])
        assert abs(ends - timedelta(minutes=10)) < timedelta(seconds=5)
        for key in (old["key"], new["key"]):
            assert (await api.http.get("/v1/jobs", headers=bearer(key))).status_code == 200
        again = await api.http.post(f"{path}/rotate")
        assert (again.status_code, again.json()["code"]) == (409, "key_not_active")
        assert new["id"] in again.json()["detail"]

    run(settings, scenario)


def test_without_a_body_the_old_key_lives_for_a_day_and_never_longer_than_it_was_to(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        async def end_of(old: dict[str, Any]) -> datetime:
            rotated = await api.http.post(f"/v1/keys/{old['id']}/rotate")
            assert rotated.status_code == 201
            return instant((await api.http.get(f"/v1/keys/{old['id']}")).json()["expires_at"])

        lasting, short = await make(api), await make(api, expires_at=60)

        ends = await end_of(lasting) - api.services.clock.now()
        assert abs(ends - DEFAULT_OVERLAP) < timedelta(seconds=30)
        assert await end_of(short) == instant(short["expires_at"])

    run(settings, scenario)


def test_a_revoked_and_an_expired_key_are_told_apart(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        made = await make(api)
        for _ in range(2):
            answer = await api.http.delete(f"/v1/keys/{made['id']}")
            assert (answer.status_code, answer.json()["status"]) == (200, "revoked")
        soon = api.services.clock.now() - timedelta(minutes=1)
        expired = await new_key(api.services, "acme", expires_at=soon)

        for key, word in ((made["key"], "was revoked at"), (expired, "expired at")):
            refused = await api.http.get("/v1/jobs", headers=bearer(key))
            assert (refused.status_code, refused.json()["code"]) == (401, "invalid_api_key")
            assert word in refused.json()["detail"]
            assert key not in refused.text
        rotated = await api.http.post(f"/v1/keys/{made['id']}/rotate")
        assert (rotated.status_code, rotated.json()["code"]) == (409, "key_not_active")

    run(settings, scenario)


def test_a_remembered_key_ends_at_its_instant_not_seconds_later(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        ends = api.services.clock.now() + timedelta(seconds=1.5)
        key = await new_key(api.services, "acme", expires_at=ends)
        caller = await api.services.keys.caller_of(f"Bearer {key}")
        known = api.services.keys._callers

        assert caller.tenant.name == "acme"
        (_, until) = next(value for value in known._values.values() if value[0] is caller)
        assert until - api.services.clock.monotonic() <= 1.5 < FRESH.total_seconds()

    run(settings, scenario)


def test_the_last_use_is_noted_beside_the_answers_at_most_once_a_minute(
    settings: Settings,
) -> None:
    written: list[Any] = []

    async def scenario(api: Served) -> None:
        keys = [api.key, await new_key(api.services, "acme")]
        for key in keys * 3:
            answer = await api.http.get("/v1/jobs", headers=bearer(key))
            assert answer.status_code == 200
        written.append(await used(api))
        await api.services.keys.close()
        written.append(await used(api))

    async def used(api: Served) -> list[Any]:
        async with transaction(api.services.engine) as connection:
            rows = await connection.execute(text("SELECT last_used_at, xmin FROM api_key"))
            return [tuple(row) for row in rows]

    run(settings, scenario)

    before, after = written
    assert [at for at, _ in before] == [None, None]
    assert all(at is not None for at, _ in after)
    # One statement for both.
    assert len({writer for _, writer in after}) == 1


def test_bad_input_is_refused_with_its_place(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        key = (await api.http.get("/v1/keys")).json()["data"][0]["id"]
        rotate = f"/v1/keys/{key}/rotate"
        wrong: tuple[tuple[str, dict[str, Any], str], ...] = (
            ("/v1/keys", {}, "/name"),
            ("/v1/keys", {"name": "a\n"}, "/name"),
            ("/v1/keys", {"name": "a", "scopes": []}, "/scopes"),
            ("/v1/keys", {"name": "a", "scopes": ["jobs"]}, "/scopes/0"),
            ("/v1/keys", {"name": "a", "expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
            ("/v1/keys", {"name": "a", "scope": []}, "/scope"),
            (rotate, {"overlap": -1}, "/overlap"),
            (rotate, {"overlap": "1 day"}, "/overlap"),
            (rotate, {"overlap": "P2Y"}, "/overlap"),
        )
        for path, body, pointer in wrong:
            answer = await api.http.post(path, json=body)
            assert answer.status_code == 400, (body, answer.text)
            assert list(pointers(answer)) == [pointer]
        for path in ("/v1/keys?after=x", "/v1/keys?limit=0", "/v1/keys?colour=red"):
            assert (await api.http.get(path)).status_code == 400
        assert (await api.http.get("/v1/keys/key_x")).status_code == 404

    run(settings, scenario)


def test_keys_of_any_tenant_are_the_operators(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        operator = bearer(await new_key(api.services, "local", KeyScope.ADMIN))
        keys = "/v1/admin/tenants/acme/keys"

        made = await post(api, keys, operator, {"name": "first", "scopes": ["jobs:write"]})
        assert (made.status_code, made.json()["scopes"]) == (201, ["jobs:write"])
        path = f"{keys}/{made.json()['id']}"
        assert made.headers["location"] == api.url + path
        owned = bearer(made.json()["key"])
        assert (await api.http.get("/v1/jobs", headers=owned)).status_code == 403
        rotated = await post(api, f"{path}/rotate", operator, {"overlap": 0})
        assert rotated.status_code == 201
        ended = await api.http.delete(path, headers=operator)
        assert (ended.json()["id"], ended.json()["status"]) == (made.json()["id"], "revoked")
        listed = (await api.http.get(keys, headers=operator)).json()["data"]
        assert [key["name"] for key in listed] == ["first", "first", "test"]
        for path in ("/v1/admin/tenants/none/keys", "/v1/admin/tenants/%00/keys"):
            assert (await api.http.get(path, headers=operator)).status_code == 404

    async def post(api: Served, path: str, headers: Any, body: Any) -> httpx2.Response:
        return await api.http.post(path, headers=headers, json=body)

    run(settings, scenario)

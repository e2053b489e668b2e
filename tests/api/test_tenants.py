"""Tenants over HTTP: made, changed, suspended, and held to what their plan allows."""

from typing import Any

from infra.settings import Settings
from producer.api.auth import FRESH
from schemas.scopes import KeyScope
from schemas.signature import SECRET_PREFIX
from schemas.tenant_views import NewTenantView, OwnTenantView, TenantView
from tests.api.dead_letters import CHAT
from tests.api.served import IMAGE, Served, new_key, pointers, run

TENANTS = "/v1/admin/tenants"


async def operator(api: Served) -> None:
    """Speak with an operator's key from now on."""
    key = await new_key(api.services, "local", *KeyScope)
    api.http.headers["Authorization"] = f"Bearer {key}"


async def as_tenant(api: Served, name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {await new_key(api.services, name)}"}


async def make(api: Served, **body: Any) -> dict[str, Any]:
    answer = await api.http.post(TENANTS, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_tenant_is_made_and_found(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        await operator(api)
        body = {"name": "A & B", "weight": 500, "allowed_kinds": ["image"], "plan": "small"}

        answer = await api.http.post(TENANTS, json=body)
        made = answer.json()
        found = await api.http.get(answer.headers["location"])

        assert answer.status_code == 201
        assert answer.headers["cache-control"] == "no-store"
        assert set(made) == set(NewTenantView.model_fields)
        assert made.pop("webhook_secret").startswith(SECRET_PREFIX)
        assert made["max_inflight"] == settings.tenant_max_inflight
        assert body.items() <= made.items()
        assert (found.status_code, found.json()) == (200, made)
        again = await api.http.post(TENANTS, json=body)
        assert (again.status_code, again.json()["code"]) == (409, "name_taken")

    run(settings, scenario)


def test_tenants_are_listed_by_name_page_by_page(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        await operator(api)
        for name in ("b", "ab", "a"):
            await make(api, name=name)

        first = await api.http.get(TENANTS, params={"limit": 2, "prefix": "a"})
        second = await api.http.get(first.links["next"]["url"])

        assert [one["name"] for one in first.json()["data"]] == ["a", "ab"]
        assert [one["name"] for one in second.json()["data"]] == ["acme"]
        assert (second.json()["has_more"], second.links) == (False, {})
        assert set(first.json()["data"][0]) == set(TenantView.model_fields)

    run(settings, scenario)


def test_a_change_is_a_merge_patch(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        await operator(api)
        path = f"{TENANTS}/acme"
        change = {
            "weight": 2000,
            "max_inflight": 7,
            "max_inflight_total": 9,
            "requests_per_minute": 60,
            "images_per_minute": 61,
            "tokens_per_minute": 62,
            "calls_per_minute": 63,
            "plan": "large",
            "allowed_models": ["test-image"],
            "allowed_kinds": ["image"],
            "allowed_lanes": ["fast", "batch"],
            "safety_level": "strict",
        }

        changed = (await api.http.patch(path, json=change)).json()
        lifted = {name: None for name in change if name.startswith(("allowed", "tokens", "pl"))}
        less = (await api.http.patch(path, json=lifted)).json()

        assert change.items() <= changed.items()
        assert less == {**changed, **lifted}
        assert (await api.http.get(path)).json() == less

    run(settings, scenario)


def test_bad_changes_are_refused_with_their_place_and_change_nothing(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        await operator(api)
        before = (await api.http.get(f"{TENANTS}/acme")).json()
        for body, pointer in (
            ({"weight": 0}, "/weight"),
            ({"weight": "2"}, "/weight"),
            ({"weight": None}, "/weight"),
            ({"allowed_lanes": ["slow"]}, "/allowed_lanes/0"),
            ({"allowed_models": ["a\nb"]}, "/allowed_models/0"),
            ({"safety_level": "high"}, "/safety_level"),
            ({"plan": ""}, "/plan"),
            ({"name": "other"}, "/name"),
            ({"wieght": 2}, "/wieght"),
        ):
            answer = await api.http.patch(f"{TENANTS}/acme", json={**body, "max_inflight": 3})
            assert (answer.status_code, list(pointers(answer))) == (400, [pointer])
        for name in ("", "a/b", "..", " a", "a\n", "x" * 129, None):
            answer = await api.http.post(TENANTS, json={"name": name})
            assert (answer.status_code, list(pointers(answer))) == (400, ["/name"])
        assert (await api.http.get(f"{TENANTS}/acme")).json() == before
        for method, path in (("GET", ""), ("PATCH", ""), ("POST", "/suspend")):
            missing = await api.http.request(method, f"{TENANTS}/acmee{path}", json={})
            assert missing.status_code == 404
            assert "there is acme" in missing.json()["detail"]
            assert "--create" not in missing.text

    run(settings, scenario)


def test_none_of_the_keys_of_a_suspended_tenant_works_until_it_is_resumed(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        await operator(api)
        keys = [await as_tenant(api, "acme") for _ in range(3)]
        assert (await api.http.get("/v1/jobs", headers=keys[0])).status_code == 200

        for _ in range(2):
            suspended = await api.http.post(f"{TENANTS}/acme/suspend")
            assert suspended.json()["suspended_at"] is not None
        refused = await api.http.get("/v1/jobs", headers=keys[1])
        resumed = await api.http.post(f"{TENANTS}/acme/resume")

        assert (refused.status_code, refused.json()["code"]) == (403, "tenant_suspended")
        # One that was used before goes on for some seconds.
        assert FRESH.total_seconds() <= 5
        assert resumed.json()["suspended_at"] is None
        assert (await api.http.get("/v1/jobs", headers=keys[2])).status_code == 200
        own = await api.http.post(f"{TENANTS}/local/suspend")
        assert (own.status_code, own.json()["code"]) == (400, "invalid_request")

    run(settings, scenario)


def test_a_webhook_secret_is_rotated_and_shown_once(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        await operator(api)
        path = f"{TENANTS}/acme/webhook_secret"

        one, two = [(await api.http.post(path)).json()["webhook_secret"] for _ in range(2)]

        assert one != two
        assert two.startswith(SECRET_PREFIX)
        assert two not in (await api.http.get(f"{TENANTS}/acme")).text
        caller = await api.services.keys.caller_of((await as_tenant(api, "acme")).popitem()[1])
        assert caller.tenant.webhook_secret == two

    run(settings, scenario)


def test_who_asks_learns_its_tenant_and_its_key(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        told = (await api.http.get("/v1/tenant")).json()

        assert set(told) == set(OwnTenantView.model_fields)
        assert (told["name"], told["weight"], told["suspended_at"]) == ("acme", 1000, None)
        assert (told["key"]["name"], told["key"]["prefix"]) == ("test", api.key[:8])
        assert "webhook_secret" not in told

    run(settings, scenario)


def test_a_tenant_gets_only_the_models_kinds_and_lanes_of_its_plan(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        await operator(api)
        cases: tuple[tuple[dict[str, list[str]], dict[str, Any], str, str], ...] = (
            (
                {"allowed_kinds": ["chat"]},
                IMAGE,
                "/kind",
                "'image' is not allowed; allowed: chat",
            ),
            ({"allowed_lanes": ["batch", "relax"]}, IMAGE, "/lane", "allowed: batch, relax"),
            ({"allowed_models": ["test-image"]}, CHAT, "/model", "'test-chat' is not allowed"),
            ({"allowed_models": []}, IMAGE, "/model", "allowed: none"),
        )
        for change, body, pointer, told in cases:
            assert (await api.http.patch(f"{TENANTS}/acme", json=change)).status_code == 200
            headers = await as_tenant(api, "acme")
            refused = await api.http.post("/v1/jobs", json=body, headers=headers)

            assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
            assert list(pointers(refused)) == [pointer]
            assert told in pointers(refused)[pointer]
            lifted = dict.fromkeys(change)
            assert (await api.http.patch(f"{TENANTS}/acme", json=lifted)).status_code == 200
        allowed = {"allowed_models": ["test-image"], "allowed_lanes": ["fast"]}
        await api.http.patch(f"{TENANTS}/acme", json=allowed)
        accepted = await api.http.post(
            "/v1/jobs", json=IMAGE, headers=await as_tenant(api, "acme")
        )
        assert accepted.status_code == 202

    run(settings, scenario)

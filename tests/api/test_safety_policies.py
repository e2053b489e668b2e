"""Safety policies over HTTP: written, approved by another, activated, tried on the past."""

import asyncio
from typing import Any

import httpx2
from sqlalchemy import text

from infra.clock import SystemClock
from infra.postgres.engine import transaction
from infra.postgres.policies import active_versions
from infra.safety.policies import Policies
from infra.settings import Settings
from schemas.safety import Action
from schemas.scopes import KeyScope
from schemas.tenant_plan import SafetyLevel
from tests.api.served import Served, new_key, pointers, run

OWN = "/v1/safety/policies"
WHOLE = "/v1/admin/safety/policies"
EXEMPLARS = [f"place bet number {n} on the horses" for n in range(10)]
HARMLESS = {"policy": "acme", "categories": {"violence": {"flag": 0.4, "block": 0.6}}}
GRAVE = {"policy": "acme", "categories": {"sexual_minors": {"block": 0.2}}}


class _Clock(SystemClock):
    """One that is put forward by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


async def _person(api: Served, *scopes: KeyScope, tenant: str = "acme") -> dict[str, str]:
    """Headers of somebody else, with a key of their own."""
    return {"Authorization": f"Bearer {await new_key(api.services, tenant, *scopes)}"}


async def _acme(api: Served) -> int:
    async with transaction(api.services.engine) as connection:
        found = await connection.execute(text("SELECT id FROM tenant WHERE name = 'acme'"))
        return found.scalar_one()


async def _create(api: Served, document: dict[str, Any], **more: Any) -> httpx2.Response:
    return await api.http.post(more.pop("path", OWN), json=document, **more)


async def _actions(api: Served, path: str = "/v1/audit", **more: Any) -> list[tuple[str, Any]]:
    entries = (await api.http.get(path, **more)).json()["data"]
    return [(entry["action"], entry["detail"]) for entry in reversed(entries)]


def test_a_policy_that_is_activated_counts_two_seconds_later_without_a_restart(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        acme = await _acme(api)
        clock = _Clock()
        policies = Policies(api.services.engine, clock)
        before = await policies.of(acme, SafetyLevel.STANDARD)
        made = await _create(api, HARMLESS)
        assert made.status_code == 201, made.text
        assert made.headers["location"].endswith(f"{OWN}/1")

        # Nobody else need approve what changes neither levels nor floors.
        active = await api.http.post(f"{OWN}/1/activate")
        assert (active.status_code, active.json()["status"]) == (200, "active")
        clock.seconds = 1.9
        assert (await policies.of(acme, SafetyLevel.STANDARD)).digest == before.digest
        clock.seconds = 2.1
        now = await policies.of(acme, SafetyLevel.STANDARD)
        assert (now.name, now.version) == ("acme", 1)
        assert now.rule("violence").thresholds.decide(0.6)[0] is Action.BLOCK
        assert (await policies.of(acme + 1, SafetyLevel.STANDARD)).digest == before.digest
        effective = (await api.http.get("/v1/safety/policy")).json()
        assert effective["categories"]["violence"]["block"] == 0.6
        assert effective["digest"] == now.digest

    run(settings, scenario)


def test_a_policy_lives_from_draft_to_retired_and_every_step_is_told(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        for version, document in ((1, HARMLESS), (2, {"policy": "acme"})):
            made = (await _create(api, document)).json()
            assert (made["version"], made["status"], made["name"]) == (version, "draft", "acme")
            done = await api.http.post(f"{OWN}/{version}/activate")
            assert done.status_code == 200
        listed = (await api.http.get(OWN)).json()["data"]
        assert [(one["version"], one["status"]) for one in listed] == [
            (2, "active"),
            (1, "retired"),
        ]
        page = (await api.http.get(OWN, params={"limit": 1})).json()
        assert (page["has_more"], page["next"]) == (True, "2")
        assert await _actions(api) == [
            (action, {"version": version, "digest": listed[2 - version]["digest"]})
            for version in (1, 2)
            for action in ("policy.created", "policy.activated")
        ]

    run(settings, scenario)


def test_what_touches_floors_takes_two_people(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        assert (await _create(api, GRAVE)).status_code == 201
        alone = await api.http.post(f"{OWN}/1/activate")
        assert (alone.status_code, alone.json()["code"]) == (409, "approval_needed")
        assert "categories.sexual_minors" in alone.json()["detail"]
        own = await api.http.post(f"{OWN}/1/approve")
        assert (own.status_code, own.json()["code"]) == (409, "approval_needed")

        colleague = await _person(api)
        approved = await api.http.post(f"{OWN}/1/approve", headers=colleague)
        assert (approved.status_code, approved.json()["status"]) == (200, "draft")
        assert approved.json()["approved_by"] != approved.json()["created_by"]
        assert (await api.http.post(f"{OWN}/1/activate")).status_code == 200
        steps = await _actions(api)
        assert [step for step, _ in steps] == [
            "policy.created",
            "policy.approved",
            "policy.activated",
        ]
        assert steps[-1][1]["changes"] == ["categories.sexual_minors"]

        # To take it back is to change the floor again.
        assert (await _create(api, HARMLESS)).status_code == 201
        assert (await api.http.post(f"{OWN}/2/activate")).status_code == 409

    run(settings, scenario)


def test_an_installation_with_one_operator_says_so_and_the_audit_log_tells(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        operator = await _person(api, KeyScope.ADMIN, tenant="operators")
        stricter = {"policy": "house", "levels": {"strict": {"flag": 0.2}}}
        made = await _create(api, stricter, path=WHOLE, headers=operator)
        assert made.status_code == 201, made.text
        done = await api.http.post(f"{WHOLE}/1/activate", headers=operator)
        assert done.status_code == 200, done.text
        steps = await _actions(api, "/v1/admin/audit", headers=operator)
        assert steps[-1][0] == "policy.activated"
        assert steps[-1][1]["single_operator"] is True
        # All tenants follow it.
        effective = (await api.http.get("/v1/safety/policy")).json()
        assert effective["name"] == "house"

    run(settings.model_copy(update={"safety_single_operator": True}), scenario)


def test_a_policy_that_may_not_count_is_refused_with_its_place(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        loose = {"policy": "acme", "categories": {"sexual_minors": {"block": 0.5}}}
        refused = await _create(api, loose)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_policy")
        assert pointers(refused) == {
            "/categories/sexual_minors/block": "0.5 is looser than the floor, 0.3"
        }
        odd = {
            "policy": "acme",
            "categories": {"gambling": {"exemplars": EXEMPLARS[:9]}},
            "x": 1,
        }
        assert set(pointers(await _create(api, odd))) == {
            "/categories/gambling/exemplars",
            "/x",
        }
        yaml = "policy: acme\ncategories:\n  undress_real_person: {block: null}\n"
        as_yaml = {"content-type": "application/yaml"}
        told = await api.http.post(OWN, content=yaml, headers=as_yaml)
        assert pointers(told) == {
            "/categories/undress_real_person/block": "line 3: null (never) is looser than the "
            "floor, 0.4"
        }
        good = await api.http.post(OWN, content="policy: acme\n", headers=as_yaml)
        assert good.status_code == 201, good.text
        for version in ("0", "2", "x", "99999999999"):
            assert (await api.http.get(f"{OWN}/{version}")).status_code == 404

    run(settings, scenario)


def test_policies_are_their_tenants_own_and_need_the_scope(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        assert (await _create(api, HARMLESS)).status_code == 201
        stranger = await _person(api, tenant="globex")
        assert (await api.http.get(f"{OWN}/1", headers=stranger)).status_code == 404
        assert (await api.http.get(OWN, headers=stranger)).json()["data"] == []
        reader = await _person(api, KeyScope.SAFETY_READ)
        assert (await api.http.get(f"{OWN}/1", headers=reader)).status_code == 200
        assert (await _create(api, HARMLESS, headers=reader)).status_code == 403
        for path in (WHOLE, "/v1/admin/tenants/acme/safety/policies"):
            assert (await api.http.get(path)).status_code == 403
        operator = await _person(api, KeyScope.ADMIN, tenant="operators")
        path = "/v1/admin/tenants/acme/safety/policies"
        seen = (await api.http.get(path, headers=operator)).json()["data"]
        assert [one["version"] for one in seen] == [1]

    run(settings, scenario)


def test_two_who_write_at_once_get_two_versions(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        made = await asyncio.gather(*(_create(api, HARMLESS) for _ in range(5)))
        assert sorted(one.json()["version"] for one in made) == [1, 2, 3, 4, 5]
        await asyncio.gather(*(api.http.post(f"{OWN}/{n}/activate") for n in range(1, 6)))
        async with transaction(api.services.engine) as connection:
            assert len(await active_versions(connection)) == 1

    run(settings, scenario)

"""`genq tenant` and `genq limits` as processes: what they print, refuse and change."""

import asyncio
import json
from typing import Any

import pytest

from infra.api_keys import digest_of
from infra.postgres.api_keys import find_key
from infra.settings import Settings
from schemas.generation import Kind
from schemas.limits import RateLimits
from schemas.model_catalog import ModelServer, ModelSpec
from schemas.scopes import OWN_TENANT
from schemas.signature import SECRET_PREFIX
from tests.fixtures.api_stub import Home
from tests.fixtures.harness import MODEL, Harness
from tests.fixtures.operating import Ended, operate, operating, shell_of
from tests.fixtures.processes import system

LIMITS = {"requests_per_minute": 60, "images_per_minute": 100, "tokens_per_minute": 100_000}
PLAN = {
    "name": "acme",
    "weight": 2000,
    "max_inflight": 50,
    "max_inflight_total": 100,
    "limits": LIMITS,
    "calls_per_minute": None,
    "plan": None,
    "allowed_models": None,
    "allowed_kinds": None,
    "allowed_lanes": None,
    "safety_level": "standard",
    "required_tags": None,
    "paused_since": None,
    "suspended_since": None,
    "in_flight": 0,
}
SET_ALL = (
    "tenant set acme --weight 2000 --max-inflight 50 --max-inflight-total 100"
    " --requests-per-minute 60 --images-per-minute 100 --tokens-per-minute 100000"
)


def server(name: str, model: str, **limits: int) -> ModelServer:
    return ModelServer(
        name=name,
        base_url=f"http://{name}.invalid/v1",
        models=(ModelSpec(name=model, kind=Kind.IMAGE),),
        limits=RateLimits(**limits),
    )


def lines_of(ended: Ended) -> list[Any]:
    return [json.loads(line) for line in ended.out.splitlines()]


def test_a_plan_is_set_told_and_logged_with_who_did_it(home: Home, genq: Harness) -> None:
    shell = shell_of(genq.settings)
    genq.tenant("acme")

    done = operate(f"{SET_ALL} --json", shell)
    less = operate("tenant set acme --images-per-minute none", shell)
    same = operate("tenant set acme --weight 2000", shell)

    changed = {"weight", "max_inflight", "max_inflight_total", *LIMITS}
    facts = done.facts()
    assert (done.code, set(facts.pop("changed")), facts.pop("created")) == (0, changed, False)
    assert facts == PLAN
    assert less.out == "tenant acme: images_per_minute 100 -> none\n"
    (event,) = less.events()
    assert (event["event"], event["name"]) == ("tenant_changed", "acme")
    assert event["changed"] == {"images_per_minute": {"from": 100, "to": None}}
    assert "@" in event["operator"]
    assert (same.out, same.events()) == ("tenant acme: nothing changed\n", [])


def test_tenants_are_listed_and_shown(home: Home, genq: Harness) -> None:
    shell = shell_of(genq.settings)
    for name in ("acme", "other"):
        genq.tenant(name)
    operate(SET_ALL, shell)
    genq.submit()

    table = operate("tenant ls", shell)
    page = operate("tenant ls --limit 1 --json", shell)
    shown = operate("tenant show acme --json", shell)
    people = operate("tenant show acme", shell)

    heading, acme, other = table.out.splitlines()
    assert heading.split()[:2] == ["tenant", "weight"]
    assert acme.split() == ["acme", "2000", "0", "50", "100", "60", "100", "100000", "-"]
    assert other.split()[4:] == ["none", "none", "none", "none", "-"]
    assert (lines_of(page), page.err) == ([PLAN], "there are more: --after acme\n")
    facts = shown.facts()
    left = {"allowed": 60, "at_once": 60, "left": 60, "full_at": None, "closed_until": None}
    assert facts.pop("left")["requests_per_minute"] == left
    fast = facts.pop("lanes")[1]
    assert fast == {
        "lane": "fast",
        "waiting": 1,
        "in_flight": 0,
        "held_back": None,
        "until": None,
        "lane_paused": False,
    }
    assert facts == PLAN
    assert "images_per_minute    100      100      100" in people.out


def test_a_tenant_is_made_with_its_first_key_which_is_told_once(
    home: Home, genq: Harness
) -> None:
    shell = shell_of(genq.settings)
    pepper = genq.settings.key_pepper.get_secret_value()
    line = "tenant set new --create --weight 500 --allowed-lanes fast,batch --json"

    # A key under another pepper would work nowhere.
    refused = operate(line, shell)
    made = operate(line, {**shell, "GENQ_KEY_PEPPER": pepper})
    listed = operate("tenants ls n --json", shell)

    assert (refused.code, "GENQ_KEY_PEPPER" in refused.err) == (8, True)
    facts = made.facts()
    assert (facts["created"], facts["weight"]) == (True, 500)
    assert facts["max_inflight"] == genq.settings.tenant_max_inflight
    assert facts["allowed_lanes"] == ["fast", "batch"]
    assert facts["webhook_secret"].startswith(SECRET_PREFIX)
    digest = digest_of(facts["api_key"], pepper)
    found = genq.in_transaction(lambda c: find_key(c, digest))
    assert found is not None
    assert (found.caller.tenant.name, found.caller.scopes) == ("new", OWN_TENANT)
    assert [one["name"] for one in lines_of(listed)] == ["new"]
    assert facts["api_key"] not in made.err + listed.out


def test_a_tenant_is_suspended_and_resumed(home: Home, genq: Harness) -> None:
    shell = shell_of(genq.settings)
    genq.tenant("acme")

    held = operate("tenant suspend acme", shell)
    resumed = operate("tenant resume acme --json", shell)

    assert (held.code, "next: genq tenant resume acme" in held.err) == (0, True)
    assert held.out.startswith("tenant acme: suspended since ")
    assert resumed.facts() == {"name": "acme", "suspended_since": None}
    assert [one["event"] for one in held.events()] == ["tenant_suspended"]


@pytest.mark.parametrize(
    ("line", "code", "hint"),
    [
        ("tenant show acmee", 3, "there is no tenant 'acmee'; there is acme"),
        ("tenant set acmee --weight 1", 3, "next: add --create to make tenant 'acmee'"),
        ("tenant set acme --max-inflight-total -1", 2, "must be 1 or more, not '-1'"),
    ],
)
def test_a_mistake_is_explained_and_changes_nothing(
    home: Home, genq: Harness, line: str, code: int, hint: str
) -> None:
    genq.tenant("acme")
    before = genq.sql("SELECT * FROM tenant")

    ended = operate(line, shell_of(genq.settings))

    assert (ended.code, ended.out) == (code, "")
    assert hint in ended.err
    assert genq.sql("SELECT * FROM tenant") == before


def test_limits_tell_what_is_left_and_which_models_wait(home: Home, genq: Harness) -> None:
    servers = (
        server("painter", MODEL, requests_per_minute=500, requests_per_second=10),
        server("other", "second"),
        server("away", "third"),
    )
    genq.settings = genq.settings.model_copy(update={"model_servers": servers})
    genq.submit()
    genq.release()
    genq.sql(
        "INSERT INTO limiter (key, emission, burst, closed_until)"
        " VALUES ('server:away', interval '0', 0, now() + interval '90 seconds')"
    )
    shell = shell_of(genq.settings)
    operate("pause model second", shell)

    told = {
        (one["what"], one["name"]): one for one in lines_of(operate("limits --json", shell))
    }
    table = operate("limits", shell)

    assert told["server", "painter"]["requests_per_second"] == 10
    assert told["server", "painter"]["closed_until"] is None
    assert told["server", "away"]["closed_until"] is not None
    requests = told["account", "painter"]["limits"]["requests_per_minute"]
    assert (requests["allowed"], 499 <= requests["left"] <= 500) == (500, True)
    assert told["account", "other"]["limits"] == {}
    states = {name: one["state"] for (what, name), one in told.items() if what == "model"}
    # Nobody has asked for the third yet.
    assert states == {MODEL: "open", "second": "paused", "third": "closed"}
    assert told["model", "third"]["closed_until"] == told["server", "away"]["closed_until"]
    assert told["model", "second"]["paused_since"] is not None
    assert (table.code, table.out.split()[:3]) == (0, ["of", "name", "limit"])


def test_a_running_system_goes_by_a_plan_as_soon_as_it_is_set(
    home: Home, settings: Settings
) -> None:
    async def scene() -> None:
        async with system(settings) as running:
            shell = shell_of(running.settings)
            await operating("tenant set acme --max-inflight 2", shell)
            await running.start("dispatch", "deliver", "work")
            jobs = await running.submit(12)
            await running.until("two calls", lambda: running.model.in_flight == 2)
            rows = await running.sql("SELECT count(*) FROM live WHERE state IN (3, 4)")
            assert rows[0][0] == 2

            await operating("tenant set acme --max-inflight 5", shell)
            await running.until("five calls", lambda: running.model.in_flight == 5)

            await operating("tenant set acme --max-inflight 12", shell)
            await running.until("twelve calls", lambda: running.model.in_flight == 12)
            running.model.gate.set()
            await running.until_all_ended()
            await running.assert_each_succeeded_once(jobs)

    asyncio.run(scene())

"""Routes over HTTP: looked at, changed, rolled back, and told to every process."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from infra.clock import SystemClock
from infra.postgres.engine import transaction
from infra.route_book import RouteBook
from infra.server_reports import ReportBoard
from infra.settings import Settings
from schemas.errors import ErrorRecord, ModelUnavailableError
from schemas.job_states import JobState
from schemas.route_views import RouteHealthView, RouteVersionView, RouteView
from schemas.scopes import KeyScope
from tests.api.served import IMAGE, Served, new_key, pointers, run
from tests.fixtures.fakes import MovedClock

PATH = "/v1/routes/test-image"
BREAKER = {"breaker": "closed", "since": None, "cool_down": 0.0, "limited": False}
CALLS = {"in_flight": 2, "places": 8, "calls": 10, "errors": 0}


async def operator(api: Served) -> str:
    """Speak with an operator's key from now on; return the name of the one server."""
    key = await new_key(api.services, "local", *KeyScope)
    api.http.headers["Authorization"] = f"Bearer {key}"
    return api.services.settings.model_servers[0].name


async def put(api: Served, match: str, **document: Any) -> Any:
    return await api.http.put(PATH, json=document, headers={"If-Match": match})


def test_a_route_is_written_changed_and_its_servers_are_switched(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        name = await operator(api)
        fresh = await api.http.get(PATH)
        assert (fresh.status_code, fresh.headers["etag"]) == (200, '"0"')
        assert set(fresh.json()) == set(RouteView.model_fields)
        assert fresh.json()["document"] == {}

        first = await put(api, '"0"', servers={name: {"canary": 10}}, note="try it")
        patch = {"servers": {name: {"weight": 3}}}
        second = await api.http.patch(PATH, json=patch)
        drained = await api.http.post(f"{PATH}/servers/{name}/drain")

        assert (first.status_code, first.headers["etag"]) == (200, '"1"')
        assert first.json()["note"] == "try it"
        assert second.json()["document"] == {"servers": {name: {"canary": 10, "weight": 3}}}
        (server,) = drained.json()["servers"]
        assert not server["takes_calls"]
        assert (server["draining"], server["canary"]) == (True, 10)

    run(settings, scenario)


def test_a_rollback_returns_to_what_was_before_and_the_history_keeps_all(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        name = await operator(api)
        for share in (10, 20, 30):
            await put(api, "*", servers={name: {"canary": share}})

        async def back(**body: int) -> dict[str, Any]:
            answer = await api.http.post(f"{PATH}/rollback", json=body)
            return {**answer.json(), "status": answer.status_code}

        before = await back()
        assert (before["version"], before["servers"][0]["canary"]) == (2, 20)
        assert (await back())["version"] == 1
        assert (await back(version=3))["version"] == 3
        settled = await back(version=0)
        assert (settled["version"], settled["document"]) == (0, {})
        assert [(await back())["status"], (await back(version=9))["status"]] == [404, 404]

        listed = (await api.http.get(f"{PATH}/versions", params={"limit": 2})).json()
        assert [one["version"] for one in listed["data"]] == [3, 2]
        assert (listed["has_more"], listed["next"]) == (True, "2")
        assert set(listed["data"][0]) == set(RouteVersionView.model_fields)
        every = (await api.http.get("/v1/routes")).json()["data"]
        assert "test-image" in {one["model"] for one in every}
        assert await audited(api) == [*["route.set"] * 3, *["route.rolled_back"] * 4]

    run(settings, scenario)


async def audited(api: Served) -> list[str]:
    async with transaction(api.services.engine) as connection:
        rows = await connection.execute(
            text("SELECT action FROM audit_log WHERE tenant_id = 0 ORDER BY seq")
        )
        return [row.action for row in rows]


def test_of_two_who_change_a_route_at_once_one_is_told(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        await operator(api)

        answers = await asyncio.gather(*(put(api, '"0"', note=str(n)) for n in range(5)))

        codes = sorted(answer.status_code for answer in answers)
        assert codes == [200, 412, 412, 412, 412]
        lost = next(answer for answer in answers if answer.status_code != 200)
        assert lost.json()["code"] == "route_changed"
        assert (await put(api, "*", strategy="weighted")).json()["version"] == 2
        # Without a condition it would be a question of luck whose words count.
        assert (await api.http.put(PATH, json={})).status_code == 400
        stale = {"If-Match": '"1"'}
        assert (await api.http.patch(PATH, json={}, headers=stale)).status_code == 412
        patches: list[dict[str, Any]]
        patches = [{"servers": {}}, {"strategy": "cheapest"}, {"fallbacks": {}}]
        done = await asyncio.gather(*(api.http.patch(PATH, json=one) for one in patches))
        assert {one.status_code for one in done} == {200}
        now = (await api.http.get(PATH)).json()
        assert now["version"] == 5
        assert now["document"] == {"servers": {}, "strategy": "cheapest", "fallbacks": {}}

    run(settings, scenario)


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"servers": {"nobody": {}}}, "/servers/nobody"),
        ({"fallbacks": {"timeout": ["nothing"]}}, "/fallbacks/timeout/0"),
        ({"fallbacks": {"content_policy": ["test-image"]}}, "/fallbacks/content_policy"),
        ({"servers": {"nobody": {"canary": 101}}}, "/servers/nobody/canary"),
        ({"strategy": "luck"}, "/strategy"),
        ({"serves": {}}, "/serves"),
    ],
)
def test_a_route_that_may_not_count_is_refused_with_its_place(
    settings: Settings, document: dict[str, Any], pointer: str
) -> None:
    async def scenario(api: Served) -> None:
        await operator(api)
        refused = await put(api, "*", **document)

        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_route")
        assert list(pointers(refused)) == [pointer]
        assert (await api.http.get(PATH)).json()["version"] == 0

    run(settings, scenario)


def test_routes_are_the_operators_and_unknown_models_are_unknown(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        assert (await api.http.get(PATH)).status_code == 403
        assert (await put(api, "*")).status_code == 403
        await operator(api)
        for path in ("/v1/routes/none", "/v1/routes/a/b/versions", f"{PATH}/servers/x/drain"):
            method = "POST" if path.endswith("drain") else "GET"
            assert (await api.http.request(method, path)).status_code == 404
        odd = {"If-Match": "W/abc"}
        assert (await api.http.patch(PATH, json={}, headers=odd)).status_code == 400
        bodies: list[Any] = [[], None, {"note": 5}, {"note": "a\x00"}]
        for body in bodies:
            answer = await api.http.put(PATH, json=body, headers={"If-Match": "*"})
            assert answer.status_code == 400

    run(settings, scenario)


def test_another_process_goes_by_a_change_within_two_seconds(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        name = await operator(api)
        clock = MovedClock()
        changes: list[int] = []
        book = RouteBook(api.services.engine, api.services.settings, clock)
        book.on_change(lambda: changes.append(book.now.changes))
        assert (await book.fresh()).of("test-image").version == 0

        await api.http.post(f"{PATH}/servers/{name}/disable")
        assert not (await book.fresh()).of("test-image").version
        clock.moved += type(clock.moved)(seconds=1)
        now = await book.fresh()

        assert not now.lets(name, "test-image", ())
        await api.http.post(f"{PATH}/rollback")
        await book.told(changes[0])
        assert book.now is now
        await book.told(changes[0] + 1)
        assert book.now.lets(name, "test-image", ())
        assert changes == [1, 2]

    run(settings, scenario)


def test_a_process_that_cannot_read_routes_keeps_what_it_had(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        name = await operator(api)
        book = RouteBook(api.services.engine, api.services.settings, SystemClock())
        await api.http.post(f"{PATH}/servers/{name}/disable")
        await book.look()
        written = '{"servers": {}, "from_the_future": true}'
        async with transaction(api.services.engine) as connection:
            await connection.execute(
                text(f"UPDATE route_version SET document = '{written}', version = 2")
            )
            await connection.execute(text("UPDATE route SET version = 2, changes = 9"))
        await book.look()

        assert (book.now.changes, book.now.of("test-image").version) == (9, 1)
        assert not book.now.lets(name, "test-image", ())
        assert (await api.http.get(PATH)).status_code == 200

    run(settings, scenario)


def test_every_door_and_a_retry_keep_what_a_job_insists_on(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        mine = api.http.headers["Authorization"]
        name = await operator(api)
        tagged = {"servers": {name: {"tags": ["private"]}}}
        models = [one["model"] for one in (await api.http.get("/v1/routes")).json()["data"]]
        for model in models:
            path, free = f"/v1/routes/{model}", {"If-Match": "*"}
            assert (await api.http.put(path, json=tagged, headers=free)).is_success
        api.http.headers["Authorization"] = mine

        made = await api.submit({**IMAGE, "requires": {"tags": ["private"]}})
        claim = await api.claim(made["id"])
        error: ErrorRecord = ModelUnavailableError("away").record("err_1")
        await api.end(made["id"], JobState.DEAD, error=error, claim=claim)
        again = await api.http.post(f"/v1/jobs/{made['id']}/retry", json={"as": "new_job"})
        assert (await api.claim(again.json()["id"])).requires == {"private"}

        own = {"requires": {"tags": ["nobody"]}}
        body = {"messages": [{"role": "user", "content": "hi"}], "genq": own}
        refused = await api.http.post("/v1/chat/completions", json=body)
        assert (refused.status_code, "nobody" in refused.text) == (422, True)

    run(settings, scenario)


def test_health_puts_together_what_fresh_reports_say(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        name = await operator(api)
        said = {**BREAKER, **CALLS, "seconds": {"test-image": 2.0}, "last_error": None}
        well = {**said, "last_error_ago": None}
        ill = {
            **well,
            "breaker": "open",
            "since": 3.0,
            "cool_down": 12.0,
            "errors": 5,
            "calls": 30,
            "seconds": {"test-image": 4.0},
            "last_error": "model_timeout",
            "last_error_ago": 3.5,
        }
        async with ReportBoard(api.services.settings.doorbell_url()) as board:
            await board.pin("a:1", {name: well, "another": well})
            await board.pin("b:2", {name: ill})

            health = (await api.http.get(f"{PATH}/health")).json()

        assert set(health) == set(RouteHealthView.model_fields)
        (server,) = health["servers"]
        assert (health["workers"], server["breaker"], server["cool_down"]) == (2, "open", 12.0)
        assert (server["in_flight"], server["places"], server["seconds"]) == (4, 16, 3.5)
        assert (server["calls"], server["errors"]) == (40, 5)
        assert (server["last_error"], server["last_error_ago"]) == ("model_timeout", 3.5)
        assert [one["process"] for one in server["workers"]] == ["a:1", "b:2"]

    run(settings, scenario)

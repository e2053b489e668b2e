"""What callers can ask of recoveries, and what they are refused."""

from typing import Any

from infra.settings import Settings
from tests.api.delivery_history import History
from tests.api.recovery_walk import LONG_AGO, Walk, recover
from tests.api.served import Served, pointers, run
from worker.delivery.recovery import Step


def test_a_recovery_is_listed_followed_and_stopped(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        await history.publish(50)
        made = await history.endpoint()
        first = await recover(history, made, only="missing")
        path = f"/v1/webhook_endpoints/{made.shown}/recoveries"
        busy = await api.http.post(
            f"/v1/webhook_endpoints/{made.shown}/recover",
            json={"since": LONG_AGO},
        )
        assert (busy.status_code, busy.json()["code"]) == (409, "recovery_under_way")
        assert first["id"] in busy.json()["detail"]
        walk = Walk(history, chunk=20)
        await walk.walker.step()
        for _ in range(2):
            stopped = await api.http.post(f"{path}/{first['id']}/cancel")
            assert (stopped.json()["status"], stopped.json()["queued"]) == ("cancelled", 20)
        assert await walk.steps() == [Step.NOTHING]
        second = await recover(history, made, only="failed")
        page = (await api.http.get(path, params={"limit": 1})).json()
        assert [one["id"] for one in page["data"]] == [second["id"]]
        rest = (await api.http.get(path, params={"after": page["next"]})).json()
        assert [one["id"] for one in rest["data"]] == [first["id"]]

    run(settings, scenario)


def test_the_same_call_twice_is_one_recovery(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        made, other = await history.endpoint(), await history.endpoint()
        key = {"Idempotency-Key": "once"}
        body = {"since": LONG_AGO}
        path = f"/v1/webhook_endpoints/{made.shown}/recover"
        first = await api.http.post(path, json=body, headers=key)
        again = await api.http.post(path, json=body, headers=key)
        assert (first.status_code, again.json()) == (202, first.json())
        assert again.headers["idempotent-replayed"] == "true"
        changed = await api.http.post(path, json={**body, "only": "all"}, headers=key)
        assert changed.status_code == 422
        theirs = await api.http.post(
            path.replace(made.shown, other.shown), json=body, headers=key
        )
        assert theirs.json()["id"] != first.json()["id"]

    run(settings, scenario)


BAD_BODIES: tuple[tuple[Any, str, str], ...] = (
    ({}, "/since", "required"),
    ({"since": "yesterday"}, "/since", "instant with its offset"),
    ({"since": "2026-01-01"}, "/since", "offset"),
    ({"since": 1795169681}, "/since", "instant"),
    ({"since": "2199-01-01T00:00:00Z"}, "/since", "past"),
    (
        {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
        "",
        "later than since",
    ),
    ({"since": LONG_AGO, "only": "some"}, "/only", "failed"),
    ({"since": LONG_AGO, "sample": 0}, "/sample", "greater"),
    ({"since": LONG_AGO, "sample": True}, "/sample", "integer"),
    ({"since": LONG_AGO, "sample": 1001}, "/sample", "less"),
    ({"since": LONG_AGO, "untill": "x"}, "/untill", "until"),
)


def test_a_body_that_makes_no_sense_is_refused_with_its_place(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        history = History(api)
        made = await history.endpoint()
        path = f"/v1/webhook_endpoints/{made.shown}/recover"
        for body, place, message in BAD_BODIES:
            answer = await api.http.post(path, json=body)
            assert answer.status_code == 400, body
            assert message in pointers(answer)[place], (body, answer.text)
        ancient = await api.http.post(path, json={"since": "0001-01-01T00:00:00Z"})
        assert ancient.status_code == 202, ancient.text
        assert (await Walk(history).steps())[-1] is Step.NOTHING

    run(settings, scenario)

"""POST /v1/jobs/actions: one action on all that fits a filter, counted before, done once."""

from typing import Any

import httpx2
import pytest

from infra.settings import Settings
from schemas.job_states import JobState
from tests.api.served import IMAGE, Served, new_key, pointers, run
from tests.api.test_budgets import set_budget


async def act(
    api: Served, action: str, headers: dict[str, str] | None = None, **how: Any
) -> dict[str, Any]:
    answer = await post(api, {"action": action, **how}, headers)
    assert answer.status_code == 200, answer.text
    return answer.json() | {"replayed": answer.headers.get("idempotent-replayed")}


async def post(
    api: Served, body: Any, headers: dict[str, str] | None = None
) -> httpx2.Response:
    return await api.http.post("/v1/jobs/actions", json=body, headers=headers)


async def statuses(api: Served) -> dict[str, str]:
    listed = await api.http.get("/v1/jobs?limit=200")
    return {job["id"]: job["status"] for job in listed.json()["data"]}


def test_a_cancel_ends_what_fits_and_nothing_else(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        tagged = [(await api.submit({**IMAGE, "tags": ["old"]}))["id"] for _ in range(3)]
        running = (await api.submit({**IMAGE, "tags": ["old"]}))["id"]
        other = (await api.submit())["id"]
        await api.claim(running)
        theirs = {"Authorization": f"Bearer {await new_key(api.services, 'other')}"}
        foreign = await api.submit({**IMAGE, "tags": ["old"]}, theirs)
        how: dict[str, Any] = {"filter": {"tag": "old"}}

        dry = await act(api, "cancel", **how, dry_run=True)
        assert (dry["matched"], dry["changed"], dry["matched_is_exact"]) == (4, 0, True)
        assert set(dry["sample"]) == {*tagged, running}
        assert set((await statuses(api)).values()) == {"queued", "running"}
        waiting = await act(api, "cancel", filter={"tag": ["old"], "status": ["queued"]})
        assert (waiting["matched"], waiting["changed"], waiting["has_more"]) == (3, 3, False)
        rest = await act(api, "cancel", **how)
        assert (rest["changed"], rest["sample"], rest["cursor"]) == (1, [running], None)
        left = await statuses(api)
        assert {left[job] for job in tagged} == {"cancelled"}
        assert (left[running], left[other]) == ("running", "queued")
        untouched = await api.http.get(foreign["urls"]["get"], headers=theirs)
        assert untouched.json()["status"] == "queued"

    run(settings, scenario)


def test_a_retry_makes_one_new_job_of_each_however_often_it_is_sent(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        ids: list[str] = []
        for state in (JobState.FAILED, JobState.DEAD, JobState.EXPIRED, JobState.SUCCEEDED):
            job = await api.submit({**IMAGE, "metadata": {"run": "7"}})
            await api.end(job["id"], state)
            ids.append(job["id"])
        how: dict[str, Any] = {"filter": {"metadata": {"run": "7"}, "status": "failed"}}

        dry = await act(api, "retry", **how, dry_run=True)
        done = await act(api, "retry", {"Idempotency-Key": "k"}, **how)
        assert (dry["matched"], done["matched"], done["changed"]) == (2, 2, 2)
        assert set(dry["sample"]) == set(done["sample"]) == set(ids[:2])
        again = await act(api, "retry", {"Idempotency-Key": "k"}, **how)
        assert again == done | {"replayed": "true"}
        assert (await act(api, "retry", **how))["matched"] == 0
        rest = await act(api, "retry", filter={"metadata": {"run": "7"}})
        assert rest["sample"] == [ids[2]]
        listed = (await api.http.get("/v1/jobs?limit=200")).json()["data"]
        made = {job["retry_of"] for job in listed if job["retry_of"]}
        assert made == set(ids[:3])
        other = await post(api, {"action": "retry", "all": True}, {"Idempotency-Key": "k"})
        assert other.status_code == 422

    run(settings, scenario)


def test_an_action_goes_on_from_its_cursor(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        ids = [(await api.submit())["id"] for _ in range(4)]
        done = await act(api, "cancel", all=True, cursor=ids[2])
        assert (done["matched"], done["changed"]) == (2, 2)
        left = await statuses(api)
        assert [left[job] for job in ids] == ["cancelled", "cancelled", "queued", "queued"]

    run(settings, scenario)


def test_what_has_no_room_in_a_budget_is_skipped_and_stays_to_be_retried(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        await set_budget(api, amount=2)
        for _ in range(3):
            await api.end((await api.submit())["id"], JobState.FAILED)
        done = await act(api, "retry", all=True)

        assert (done["matched"], done["changed"], done["skipped"]) == (3, 2, 1)
        assert (await act(api, "retry", all=True, dry_run=True))["matched"] == 1

    run(settings, scenario)


WRONG_BODIES: tuple[tuple[Any, str, str], ...] = (
    ({"action": "cancel"}, "", '"all": true'),
    ({"action": "cancel", "filter": {}}, "", '"all": true'),
    ({"action": "delete", "all": True}, "/action", "cancel"),
    ({"action": "cancel", "filter": {"status": "failed"}}, "", "queued, running"),
    ({"action": "retry", "filter": {"status": ["succeeded"]}}, "", "failed"),
    ({"action": "cancel", "filter": {"tags": ["x"]}}, "/filter/tags", "'tag'"),
    ({"action": "cancel", "all": True, "cursor": "x"}, "/cursor", "cursor"),
)


def test_a_wrong_action_is_refused(settings: Settings, subtests: pytest.Subtests) -> None:
    async def scenario(api: Served) -> None:
        await api.submit()
        for body, place, message in WRONG_BODIES:
            with subtests.test(body=body):
                answer = await post(api, body)
                assert answer.status_code == 400
                assert message in pointers(answer)[place]
        assert set((await statuses(api)).values()) == {"queued"}

    run(settings, scenario)

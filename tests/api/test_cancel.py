"""Cancelling through the API: one job, or many by what they have in common."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from infra.clock import SystemClock
from infra.settings import Settings
from schemas.job_states import JobState
from tests.api.served import IMAGE, Served, new_key, pointers, run

CHAT = {"kind": "chat", "input": {"messages": [{"role": "user", "content": "hi"}]}}


async def cancel(api: Served, job: dict[str, Any], **headers: str) -> tuple[int, Any]:
    answer = await api.http.post(job["urls"]["cancel"], headers=headers)
    return answer.status_code, answer.json()


async def cancel_all(api: Served, **wanted: Any) -> dict[str, Any]:
    answer = await api.http.post("/v1/jobs/cancel", json=wanted)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def status(api: Served, job: dict[str, Any]) -> str:
    return (await api.http.get(job["urls"]["get"])).json()["status"]


def test_a_job_that_waits_is_cancelled_at_once(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        job = await api.submit()

        code, shown = await cancel(api, job)
        again = await cancel(api, job)

        assert (code, shown["status"]) == (200, "cancelled")
        assert shown["error"]["code"] == "job_cancelled"
        assert shown["finished_at"] is not None
        assert again == (200, shown)

    run(settings, scenario)


def test_a_running_job_is_cancelled_when_its_worker_has_let_go(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        job = await api.submit()
        await api.claim(job["id"])

        code, shown = await cancel(api, job)

        assert (code, shown["status"]) == (202, "running")

    run(settings, scenario)


def test_the_answer_can_wait_for_the_end(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        waits, runs = await api.submit(), await api.submit()
        await api.claim(runs["id"])

        ended = await api.http.post(waits["urls"]["cancel"], headers={"Prefer": "wait=20"})
        held = await api.http.post(runs["urls"]["cancel"], headers={"Prefer": "wait=1"})

        assert (ended.status_code, ended.json()["status"]) == (200, "cancelled")
        assert ended.headers["preference-applied"] == "wait=20"
        assert (held.status_code, held.json()["status"]) == (202, "running")
        assert held.elapsed >= timedelta(seconds=1)

    run(settings, scenario)


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.DEAD, JobState.EXPIRED])
def test_a_job_that_ended_in_another_way_is_409(settings: Settings, state: JobState) -> None:
    async def scenario(api: Served) -> None:
        job = await api.submit()
        await api.end(job["id"], state)

        code, told = await cancel(api, job)

        assert (code, told["code"]) == (409, "job_already_ended")
        assert await status(api, job) in told["detail"]

    run(settings, scenario)


def test_nobody_cancels_the_jobs_of_others(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        job = await api.submit()
        theirs = {"Authorization": f"Bearer {await new_key(api.services, 'other')}"}

        one = await api.http.post(job["urls"]["cancel"], headers=theirs)
        every = await api.http.post("/v1/jobs/cancel", json={"all": True}, headers=theirs)

        assert one.status_code == 404
        assert every.json()["matched"] == 0
        assert await status(api, job) == "queued"

    run(settings, scenario)


async def submit_all_kinds(api: Served) -> dict[str, dict[str, Any]]:
    jobs = {
        "relax": await api.submit({**IMAGE, "lane": "relax"}),
        "chat": await api.submit(CHAT),
        "ann": await api.submit({**IMAGE, "end_user": "ann"}),
        "order": await api.submit({**IMAGE, "metadata": {"order": "7", "shop": "x"}}),
        "later": await api.submit({**IMAGE, "run_at": 3600}),
        "runs": await api.submit(),
        "plain": await api.submit(),
        "ended": await api.submit(),
    }
    await api.claim(jobs["runs"]["id"])
    await api.end(jobs["ended"]["id"])
    return jobs


def test_many_jobs_are_chosen_by_what_they_have_in_common(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        jobs = await submit_all_kinds(api)
        unfinished = set(jobs) - {"ended"}
        first = jobs["relax"]["created_at"]
        choices: tuple[tuple[dict[str, Any], set[str]], ...] = (
            ({"lane": "relax"}, {"relax"}),
            ({"kind": "chat"}, {"chat"}),
            ({"model": "test-chat"}, {"chat"}),
            ({"end_user": "ann"}, {"ann"}),
            ({"metadata": {"order": "7"}}, {"order"}),
            ({"status": "running"}, {"runs"}),
            ({"status": "queued", "lane": "fast"}, unfinished - {"relax", "runs"}),
            ({"batch_id": "batch_01kb0q5v3mf0t8w2c7d4e9g6hj"}, set()),
            ({"created_before": first}, set()),
            ({"created_after": first, "all": True}, unfinished),
        )
        for wanted, chosen in choices:
            counted = await cancel_all(api, **wanted, dry_run=True)
            assert counted["matched"] == len(chosen), wanted
        assert await status(api, jobs["plain"]) == "queued"

    run(settings, scenario)


def test_what_was_chosen_is_cancelled_and_the_rest_goes_on(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        jobs = await submit_all_kinds(api)

        done = await cancel_all(api, metadata={"order": "7"})
        assert done == {
            "object": "cancellation",
            "matched": 1,
            "cancelled": 1,
            "cancelling": 0,
            "more": False,
            "dry_run": False,
        }
        assert await status(api, jobs["order"]) == "cancelled"
        assert await status(api, jobs["plain"]) == "queued"

        rest = await cancel_all(api, all=True)
        assert (rest["matched"], rest["cancelled"], rest["cancelling"]) == (6, 5, 1)
        assert await status(api, jobs["later"]) == "cancelled"
        assert await status(api, jobs["runs"]) == "running"
        assert await status(api, jobs["ended"]) == "succeeded"

    run(settings, scenario)


def test_many_jobs_are_cancelled_in_chunks(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        jobs = 1200
        for _ in range(jobs // 100):
            await asyncio.gather(*[api.submit() for _ in range(100)])

        done = await cancel_all(api, lane="fast")
        again = await cancel_all(api, lane="fast")

        assert (done["matched"], done["cancelled"], done["more"]) == (jobs, jobs, False)
        assert again["matched"] == 0
        listed = await api.http.get("/v1/jobs?status=queued")
        assert listed.json()["data"] == []

    run(settings, scenario)


WRONG_BODIES: tuple[tuple[dict[str, Any], str, str], ...] = (
    ({}, "", '"all": true'),
    ({"dry_run": True}, "", '"all": true'),
    ({"lane": "fastest"}, "/lane", "turbo"),
    ({"status": "succeeded"}, "/status", "queued"),
    ({"batch_id": "job_1"}, "/batch_id", "batch_"),
    ({"metadata": {}}, "/metadata", "at least 1"),
    ({"created_before": "2026-01-01T00:00:00"}, "/created_before", "offset"),
    ({"lain": "fast"}, "/lain", "did you mean 'lane'"),
)


def test_a_body_that_chooses_nothing_or_nonsense_is_refused(
    settings: Settings, subtests: pytest.Subtests
) -> None:
    async def scenario(api: Served) -> None:
        job = await api.submit()
        for body, place, message in WRONG_BODIES:
            with subtests.test(body=body):
                answer = await api.http.post("/v1/jobs/cancel", json=body)

                assert answer.status_code == 400
                assert message in pointers(answer)[place]
        assert await status(api, job) == "queued"

    run(settings, scenario)


def test_a_job_tells_its_instants(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        due = SystemClock().now() + timedelta(hours=1)
        end = due + timedelta(hours=1)
        body = {**IMAGE, "run_at": due.isoformat(), "deadline": end.isoformat()}
        job = await api.submit(body)

        shown = (await api.http.get(job["urls"]["get"])).json()

        assert shown["waiting_on"] == "schedule"
        assert datetime.fromisoformat(shown["run_at"]) - due < timedelta(milliseconds=1)
        assert datetime.fromisoformat(shown["deadline"]) - end < timedelta(milliseconds=1)

    run(settings, scenario)

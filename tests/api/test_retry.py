"""POST /v1/jobs/{id}/retry: an ended job is repeated by one new job, whoever asks how often."""

import asyncio
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import text

from infra.postgres.engine import transaction
from infra.postgres.erase_content import erase_content
from infra.postgres.lineage import write_lineage
from infra.settings import Settings
from schemas.ids import format_id, parse_id
from schemas.job_states import JobState
from schemas.lineage import Lineage
from tests.api.dead_letters import redrive
from tests.api.served import IMAGE, Served, new_key, run
from tests.api.test_budgets import as_operator
from tests.fixtures.model_server import png

FULL: dict[str, Any] = {
    "kind": "image",
    "input": {"prompt": "a red kite", "n": 2},
    "lane": "relax",
    "priority": 3,
    "metadata": {"order": "1"},
    "tags": ["spring"],
    "end_user": "ann",
    "webhook": {"url": "https://example.com/hook", "events": ["job.failed"]},
    "unique": {"key": "one"},
}
REPEATED = ("kind", "input", "model", "lane", "priority", "metadata", "tags", "end_user")


async def retry(
    api: Served, job: dict[str, Any], body: Any = None, **headers: str
) -> httpx2.Response:
    return await api.http.post(f"/v1/jobs/{job['id']}/retry", json=body or {}, headers=headers)


async def ended(
    api: Served, state: JobState = JobState.FAILED, body: Any = IMAGE
) -> dict[str, Any]:
    job = await api.submit(body)
    await api.end(job["id"], state)
    return job


def test_an_ended_job_is_repeated_by_a_new_job_just_like_it(
    settings: Settings, subtests: pytest.Subtests
) -> None:
    async def scenario(api: Served) -> None:
        for state in (JobState.FAILED, JobState.DEAD, JobState.EXPIRED, JobState.BLOCKED):
            with subtests.test(state=state.name):
                job = await ended(api, state, FULL)
                answer = await retry(api, job)

                assert answer.status_code == 202, answer.text
                made = answer.json()
                assert {name: made[name] for name in REPEATED} == {n: job[n] for n in REPEATED}
                assert (made["status"], made["retry_of"]) == ("queued", job["id"])
                assert answer.headers["location"] == made["urls"]["get"]
                before = (await api.http.get(job["urls"]["get"])).json()
                assert (before["status"] == "queued", before["retry_of"]) == (False, None)
        cancelled = await api.submit()
        await api.http.post(cancelled["urls"]["cancel"])
        bare = await api.http.post(f"/v1/jobs/{cancelled['id']}/retry")
        assert (bare.status_code, bare.json()["retry_of"]) == (202, cancelled["id"])

    run(settings, scenario)


def test_a_job_is_repeated_once_however_often_it_is_asked_for(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        job = await ended(api, JobState.DEAD)
        keyed = {"Idempotency-Key": "again"}
        answers = await asyncio.gather(*(retry(api, job, None, **keyed) for _ in range(8)))
        answers.append(await retry(api, job))

        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
        dead = await api.http.get("/v1/dead_letters")
        assert dead.json()["data"] == []
        other = await retry(api, await ended(api), None, **keyed)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")

    run(settings, scenario)


def test_what_cannot_be_repeated_is_told_with_what_can_be_done(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        queued, failed = await api.submit(), await ended(api)
        succeeded = await ended(api, JobState.SUCCEEDED)
        attempt = {"as": "new_attempt"}
        told = {
            "succeeded": await retry(api, succeeded),
            "queued": await retry(api, queued),
            "ended": await retry(api, failed, attempt),
            "no attempt": await retry(api, queued, attempt),
        }
        assert {(a.status_code, a.json()["code"]) for a in told.values()} == {
            (409, "job_not_retryable")
        }
        assert "submit a new job" in told["succeeded"].json()["detail"]
        assert '{"as": "new_job"}' in told["ended"].json()["detail"]
        wrong = await retry(api, failed, {"as": "other"})
        assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (400, "/as")
        theirs = {"Authorization": f"Bearer {await new_key(api.services, 'other')}"}
        assert (await retry(api, failed, None, **theirs)).status_code == 404

    run(settings, scenario)


def test_a_job_that_waits_for_its_next_attempt_has_it_now(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        job = await api.submit()
        later = await api.submit({**IMAGE, "run_at": 3600})
        await api.claim(job["id"])
        async with transaction(api.services.engine) as connection:
            await connection.execute(
                text(
                    "UPDATE live SET state = 1, session_id = NULL, started_at = NULL,"
                    " run_at = now() + interval '1 hour' WHERE job_id = :id"
                ),
                {"id": parse_id("job", job["id"])},
            )
        hint = await retry(api, job)
        assert (hint.status_code, "new_attempt" in hint.json()["detail"]) == (409, True)
        answer = await retry(api, job, {"as": "new_attempt"})

        assert answer.status_code == 202
        assert answer.json()["id"] == job["id"]
        async with transaction(api.services.engine) as connection:
            due = await connection.execute(
                text("SELECT job_id FROM live WHERE state = 1 AND run_at <= now()")
            )
            assert [row.job_id for row in due] == [parse_id("job", job["id"])]
        own = await retry(api, later, {"as": "new_attempt"})
        assert own.status_code == 409

    run(settings, scenario)


def test_a_second_caller_hears_of_the_job_that_took_the_last_of_the_budget(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        operator = await as_operator(api)
        body = {"unit": "images", "period": "day", "amount": 1}
        await api.http.put("/v1/admin/tenants/acme/budgets", json=body, headers=operator)
        job = await ended(api)
        answers = await asyncio.gather(*(retry(api, job) for _ in range(6)))

        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.json()["id"] for answer in answers}) == 1

    run(settings, scenario)


def test_a_job_that_this_release_would_not_accept_is_not_repeated(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        job = await ended(api)
        async with transaction(api.services.engine) as connection:
            await connection.execute(text("UPDATE job SET end_user = ''"))
        answer = await retry(api, job)
        every = {"action": "retry", "filter": {"status": "failed"}}
        actions = await api.http.post("/v1/jobs/actions", json=every)

        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
        assert answer.json()["errors"][0]["pointer"] == "/end_user"
        assert actions.status_code == 200, actions.text
        assert (actions.json()["changed"], actions.json()["skipped"]) == (0, 1)

    run(settings, scenario)


def test_a_derived_job_that_is_done_again_stays_in_its_tree(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        root = await api.submit()
        await api.end(root["id"], pictures=[png("red")])
        derived = (await upscaled(api, root)).json()
        assert derived["lineage"]["action"] == "upscale"
        await api.end(derived["id"], JobState.DEAD)
        again = (await retry(api, derived)).json()
        assert again["lineage"] == derived["lineage"]
        await api.end(again["id"], JobState.DEAD)
        (pair,) = (await redrive(api, job_id=again["id"]))["jobs"]

        key = parse_id("job", root["id"])
        # Made by a process whose clock goes slow.
        low = UUID(int=key.int - 1)
        async with transaction(api.services.engine) as connection:
            of_root = text("SELECT tenant_id FROM job WHERE id = :id")
            tenant = (await connection.execute(of_root, {"id": key})).scalar_one()
            await write_lineage(connection, [(low, tenant, Lineage(key, (key,), "vary"))])
        made = [root["id"], format_id("job", low), derived["id"], again["id"], pair["job"]]
        for limit in (1, 2, 200):
            assert await tree(api, again, limit) == made

    run(settings, scenario)


def test_the_same_action_under_its_key_is_the_same_job_whatever_became_of_its_parent(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        root = await api.submit()
        await api.end(root["id"], pictures=[png("red")])
        derived = (await upscaled(api, root, key="once")).json()
        keys = [parse_id("job", root["id"])]
        async with transaction(api.services.engine) as connection:
            await erase_content(connection, keys, prompts=True, results=True)
        refused = await upscaled(api, root)
        assert (refused.status_code, refused.json()["code"]) == (410, "content_erased")
        for _ in range(2):
            same = await upscaled(api, root, key="once")
            assert (same.status_code, same.json()["id"]) == (202, derived["id"]), same.text
            assert "idempotent-replayed" in same.headers
            async with transaction(api.services.engine) as connection:
                # As retention does.
                gone = text("DELETE FROM job WHERE id = :id")
                await connection.execute(gone, {"id": keys[0]})
        other = await upscaled(api, root, key="once", factor=4)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        assert (await upscaled(api, root)).status_code == 404

    run(settings, scenario)


async def upscaled(
    api: Served, job: dict[str, Any], key: str | None = None, **told: Any
) -> httpx2.Response:
    headers = {"Idempotency-Key": key} if key else {}
    body = {"action": "upscale", "index": 0, **told}
    return await api.http.post(f"/v1/jobs/{job['id']}/actions", json=body, headers=headers)


async def tree(api: Served, job: dict[str, Any], limit: int) -> list[str]:
    """Return the ids of a tree, page by page."""
    found: list[str] = []
    after = ""
    while True:
        page = await api.http.get(f"/v1/jobs/{job['id']}/tree?limit={limit}{after}")
        found += [one["id"] for one in page.json()["data"]]
        if page.json()["next"] is None:
            return found
        after = f"&after={page.json()['next']}"

"""Dead jobs are sent again, edited or as they were: each of them once."""

import asyncio
from typing import Any

from infra.settings import Settings
from schemas.ids import parse_id
from schemas.job_states import JobState
from tests.api.dead_letters import (
    AWAY,
    CHAT,
    LOST,
    URL,
    WEBHOOK,
    dead,
    jobs_of,
    listed,
    redrive,
    rows,
)
from tests.api.served import IMAGE, Served, new_key, pointers, run


def test_a_redriven_job_keeps_what_its_owner_gave_it(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        extra = {
            "metadata": {"order": "7"},
            "end_user": "ada",
            "webhook": WEBHOOK,
            "lane": "relax",
            "priority": 2,
            "input": {"prompt": "a kite", "n": 2, "extra_body": {"steps": 4}},
        }
        job_id = await dead(api, {**IMAGE, **extra})
        done = await redrive(api, job_id=job_id)

        (pair,) = done["jobs"]
        assert (done["redriven"], done["already"], pair["dead"]) == (1, 0, job_id)
        was = (await api.http.get(f"/v1/jobs/{job_id}")).json()
        job = (await api.http.get(f"/v1/jobs/{pair['job']}")).json()
        kept = ("kind", "model", "lane", "priority", "input", "metadata", "end_user")
        assert {name: job[name] for name in kept} == {name: was[name] for name in kept}
        assert (job["status"], was["status"]) == ("queued", "failed")
        (payload,) = await rows(
            api, "SELECT body FROM payload WHERE job_id = :id", id=parse_id("job", pair["job"])
        )
        assert payload.body["webhook"] == WEBHOOK
        letter = (await api.http.get(f"{URL}/{job_id}")).json()
        assert letter["redriven_by"] == pair["job"]
        assert await listed(api) == []

    run(settings, scenario)


def test_edits_change_what_they_name_and_nothing_else(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        wanted = {"prompt": "a kite", "size": "1024x1024", "extra_body": {"a": 1, "b": 2}}
        body = {**IMAGE, "input": wanted, "webhook": WEBHOOK}
        job_id = await dead(api, body)
        edits = {
            "input": {"size": None, "n": 2, "extra_body": {"a": None}},
            "lane": "batch",
            "priority": 9,
            "webhook": None,
        }
        (pair,) = (await redrive(api, job_id=job_id, edits=edits))["jobs"]

        job = (await api.http.get(f"/v1/jobs/{pair['job']}")).json()
        assert job["input"] == {"prompt": "a kite", "n": 2, "extra_body": {"b": 2}}
        assert (job["lane"], job["priority"]) == ("batch", 9)
        (payload,) = await rows(
            api, "SELECT body FROM payload WHERE job_id = :id", id=parse_id("job", pair["job"])
        )
        assert "webhook" not in payload.body

    run(settings, scenario)


def test_an_edit_that_is_wrong_for_one_job_sends_none(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        await dead(api)
        await dead(api, CHAT)
        before = await listed(api)
        edits = {"input": {"size": "1024x768"}}
        answer = await api.http.post(f"{URL}/redrive", json={"filter": {}, "edits": edits})

        assert answer.status_code == 400
        assert list(pointers(answer)) == ["/edits/input/size"]
        assert before[0] in answer.json()["detail"]
        assert await listed(api) == before

    run(settings, scenario)


def test_a_wrong_body_is_told_with_its_places(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        job_id = await dead(api)
        wrong: list[tuple[dict[str, Any], set[str]]] = [
            ({}, {""}),
            ({"job_id": job_id, "filter": {}}, {""}),
            ({"job_id": "x"}, {"/job_id"}),
            ({"job_id": job_id, "edits": {"lane": None}}, {"/edits/lane"}),
            ({"job_id": job_id, "edits": {"kind": "chat"}}, {"/edits/kind"}),
            ({"job_id": job_id, "edits": {"model": "gpt-none"}}, {"/edits/model"}),
            ({"filter": {"lane": "slow"}, "limit": 0}, {"/filter/lane", "/limit"}),
        ]
        for body, places in wrong:
            answer = await api.http.post(f"{URL}/redrive", json=body)
            assert (answer.status_code, set(pointers(answer))) == (400, places), body
        assert await listed(api) == [job_id]

    run(settings, scenario)


def test_a_dry_run_tells_what_would_be_sent_and_sends_nothing(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        ids = [await dead(api) for _ in range(3)]
        done = await redrive(api, filter={}, dry_run=True, limit=2)

        assert (done["matching"], done["redriven"], done["has_more"]) == (3, 0, True)
        assert done["jobs"] == [{"dead": job_id, "job": None} for job_id in ids[:2]]
        assert len(await listed(api)) == 3

    run(settings, scenario)


def test_a_group_is_sent_again_oldest_first_and_only_that_group(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        ids = [await dead(api) for _ in range(3)]
        other = await dead(api, CHAT, LOST)
        group = {"code": "model_unavailable", "model": "test-image", "kind": "image"}
        first = await redrive(api, filter=group, limit=2)
        rest = await redrive(api, filter=group, submitted_before=first["submitted_before"])

        sent = [*first["jobs"], *rest["jobs"]]
        assert [pair["dead"] for pair in sent] == ids
        assert [pair["job"] for pair in sent] == sorted(pair["job"] for pair in sent)
        assert (first["has_more"], rest["has_more"]) == (True, False)
        assert await listed(api) == [other]

    run(settings, scenario)


def test_a_job_that_dies_again_does_not_fit_its_own_redrive(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        await dead(api)
        first = await redrive(api, filter={})
        again = first["jobs"][0]["job"]
        await api.end(again, JobState.DEAD, error=AWAY)

        rest = await redrive(api, filter={}, submitted_before=first["submitted_before"])
        assert rest["jobs"] == []
        (letter,) = (await api.http.get(URL)).json()["data"]
        assert (letter["id"], letter["redrive_of"]) == (again, first["jobs"][0]["dead"])

    run(settings, scenario)


def test_many_operators_at_once_send_a_dead_job_once(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        ids = [await dead(api) for _ in range(5)]
        answers = await asyncio.gather(
            *(redrive(api, filter={}) for _ in range(4)),
            *(redrive(api, job_id=job_id) for job_id in ids),
            *(redrive(api, job_id=job_id) for job_id in ids),
        )

        assert sum(done["redriven"] for done in answers) == 5
        assert [len(await jobs_of(api, job_id)) for job_id in ids] == [1] * 5
        # Whoever asks for one job is told which job took its place, however late.
        of_one = [done["jobs"][0] for done in answers[4:]]
        assert {pair["dead"]: pair["job"] for pair in of_one} == {
            pair["dead"]: pair["job"] for pair in reversed(of_one)
        }
        late = await redrive(api, job_id=ids[0], edits={"priority": 0})
        assert (late["redriven"], late["already"]) == (0, 1)

    run(settings, scenario)


def test_a_tenant_sees_and_sends_only_its_own(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        job_id = await dead(api)
        api.http.headers["Authorization"] = f"Bearer {await new_key(api.services, 'other')}"

        assert await listed(api) == []
        assert (await redrive(api, filter={}))["matching"] == 0
        answer = await api.http.post(f"{URL}/redrive", json={"job_id": job_id})
        assert answer.status_code == 404
        assert (await api.http.get(f"{URL}/{job_id}")).status_code == 404

    run(settings, scenario)

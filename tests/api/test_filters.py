"""GET /v1/jobs with filters: each chooses what it says, and all of them together."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import pytest
from sqlalchemy import text

from infra.postgres.engine import transaction
from infra.settings import Settings
from schemas.ids import format_id, parse_id
from schemas.job_states import JobState
from tests.api.served import IMAGE, Served, pointers, run

CHAT = {"kind": "chat", "input": {"messages": [{"role": "user", "content": "hi"}]}}
NOON = "2026-01-01T12:00:00Z"
SCHEDULE = UUID(int=7)
ERROR: Any = {
    "code": "model_timeout",
    "message": "too slow",
    "category": "model",
    "severity": "high",
    "retryable": True,
    "error_id": "err_1",
}

JOBS: dict[str, dict[str, Any]] = {
    "plain": IMAGE,
    "relaxed": {**IMAGE, "lane": "relax"},
    "chat": CHAT,
    "spring": {**IMAGE, "tags": ["spring", "cover"], "metadata": {"order": "1", "by": "a b"}},
    "spring2": {**IMAGE, "tags": ["spring"], "metadata": {"order": "2"}},
    "ann": {**IMAGE, "end_user": "ann", "lane": "turbo"},
    "late": {**IMAGE, "run_at": 3600},
}
EVERYTHING = set(JOBS) | {"running", "timed out"}

CHOICES: tuple[tuple[str, set[str]], ...] = (
    ("", EVERYTHING),
    ("status=queued", {"relaxed", "spring", "spring2", "ann", "late"}),
    ("status=running&status=failed", {"running", "timed out"}),
    ("status=succeeded,failed", {"plain", "chat", "timed out"}),
    ("lane=relax&lane=turbo", {"relaxed", "ann"}),
    ("kind=chat", {"chat"}),
    ("model=test-chat", {"chat"}),
    ("model=other", set()),
    ("tag=spring", {"spring", "spring2"}),
    ("tag=spring&tag=cover", {"spring"}),
    ("metadata.order=2", {"spring2"}),
    ("metadata.order=1&metadata.by=a%20b", {"spring"}),
    ("end_user=ann", {"ann"}),
    ("error_code=model_timeout", {"timed out"}),
    ("attempts_min=1&status=running", {"running"}),
    ("attempts_min=1&lane=fast&kind=image", {"plain", "running", "timed out"}),
    (f"created_after={NOON}", EVERYTHING),
    (f"created_before={NOON}", set()),
    ("created_after=2030-01-01T00:00:00Z", set()),
    ("created_before=0001-01-01T00:00:00Z", set()),
    ("created_before=2200-12-31T23:59:59Z", EVERYTHING),
    ("created_after=0001-01-01T00:00:00-14:00", EVERYTHING),
    (f"schedule_id={format_id('sched', SCHEDULE)}", {"late"}),
    ("batch_id=batch_00000000000000000000000000", set()),
    ("tag=spring&metadata.order=2&status=queued&lane=fast&kind=image", {"spring2"}),
)


async def some_jobs(api: Served) -> dict[str, str]:
    """Submit jobs of every sort, and return their names by id."""
    ids = {name: (await api.submit(body))["id"] for name, body in JOBS.items()}
    for name in ("running", "timed out"):
        ids[name] = (await api.submit())["id"]
    await api.end(ids["plain"])
    await api.end(ids["chat"])
    await api.end(ids["timed out"], JobState.DEAD, error=ERROR)
    await api.claim(ids["running"])
    async with transaction(api.services.engine) as connection:
        await connection.execute(
            text("UPDATE job SET schedule_id = :schedule WHERE id = :id"),
            {"schedule": SCHEDULE, "id": parse_id("job", ids["late"])},
        )
    return {job: name for name, job in ids.items()}


def test_each_filter_chooses_what_it_says(
    settings: Settings, subtests: pytest.Subtests
) -> None:
    async def scenario(api: Served) -> None:
        names = await some_jobs(api)
        for query, expected in CHOICES:
            with subtests.test(query=query):
                answer = await api.http.get(f"/v1/jobs?{query}&limit=50&count=estimate")

                assert answer.status_code == 200, answer.text
                page = answer.json()
                assert {names[job["id"]] for job in page["data"]} == expected
                assert page["total_estimate"] == len(expected)
                assert page["total_is_exact"] is True

    run(settings, scenario)


def test_the_link_to_the_next_page_keeps_every_filter(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        for _ in range(3):
            await api.submit({**IMAGE, "tags": ["a b", "c"], "metadata": {"x.y": "1&2"}})
        query = "tag=a+b&tag=c&metadata.x.y=1%262&status=queued&limit=1&count=estimate"
        first = await api.http.get(f"/v1/jobs?{query}")
        link = first.links["next"]["url"]
        second = await api.http.get(link)

        assert set(parse_qsl(query)) < set(parse_qsl(urlsplit(link).query))
        assert len(second.json()["data"]) == 1
        assert second.json()["data"] != first.json()["data"]
        assert first.json()["total_estimate"] == second.json()["total_estimate"] == 3

    run(settings, scenario)


def test_a_page_that_the_caller_has_is_304(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        await api.submit()
        first = await api.http.get("/v1/jobs")
        known = {"If-None-Match": first.headers["etag"]}
        assert (await api.http.get("/v1/jobs", headers=known)).status_code == 304
        await api.submit()
        assert (await api.http.get("/v1/jobs", headers=known)).status_code == 200

    run(settings, scenario)


def test_tags_are_shown_and_refused_where_they_are_no_words(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        job = await api.submit({**IMAGE, "tags": ["b", "a", "b"]})
        shown = await api.http.get(job["urls"]["get"])
        assert job["tags"] == shown.json()["tags"] == ["b", "a"]
        for tags in (["x"] * 17, [""], ["x" * 65], [" x"], ["a\nb"], ["\0"], "x"):
            answer = await api.http.post("/v1/jobs", json={**IMAGE, "tags": tags})
            assert answer.status_code == 400
            assert "/tags" in next(iter(pointers(answer)))

    run(settings, scenario)


WRONG_QUERIES: tuple[tuple[str, str, str], ...] = (
    ("tags=a", "/query/tags", "did you mean 'tag'?"),
    ("metadata=1", "/query/metadata", "metadata.<key>"),
    ("limit=1&limit=2", "/query/limit", "once"),
    ("count=all", "/query/count", "'estimate'"),
    ("status=queued,done", "/query/status", "queued"),
    ("tag=", "/query/tag", "at least 1"),
    ("end_user=a%00b", "/query/end_user", "pattern"),
    ("metadata.a=%00", "/query/metadata.a", "pattern"),
    ("attempts_min=-1", "/query/attempts_min", "greater than or equal to 0"),
    ("attempts_min=99999999999999999999", "/query/attempts_min", "1000000"),
    ("created_after=yesterday", "/query/created_after", "instant"),
    ("schedule_id=job_1", "/query/schedule_id", "sched_"),
    ("&".join(f"tag={n}" for n in range(17)), "/query/tag", "16"),
)


def test_a_wrong_filter_is_refused(settings: Settings, subtests: pytest.Subtests) -> None:
    async def scenario(api: Served) -> None:
        for query, place, message in WRONG_QUERIES:
            with subtests.test(query=query):
                answer = await api.http.get(f"/v1/jobs?{query}")
                assert answer.status_code == 400
                assert message in pointers(answer)[place]

    run(settings, scenario)


def test_a_filter_that_looks_for_too_long_says_so_and_holds_nobody_up(
    settings: Settings,
) -> None:
    async def scenario(api: Served) -> None:
        # Whatever makes the look slow: here it waits for a lock.
        async with api.services.engine.connect() as connection:
            held = await connection.execution_options(isolation_level="READ COMMITTED")
            async with held.begin():
                await held.execute(text("LOCK TABLE job IN ACCESS EXCLUSIVE MODE"))
                answer = await api.http.get("/v1/jobs?model=rare")
        assert answer.status_code == 400
        assert answer.json()["code"] == "filter_too_wide"
        assert (await api.http.get("/v1/jobs?model=rare")).json()["data"] == []

    run(settings, scenario)

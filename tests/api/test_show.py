"""GET /v1/jobs/{id}: the job as it is, cheaply if nothing changed."""

import pytest

from infra.settings import Settings
from schemas.errors import ModelUnavailableError
from schemas.job_states import JobState
from tests.api.served import Served, run


def test_a_job_is_shown_through_its_life(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        job = await api.submit()
        shown = (await api.http.get(f"/v1/jobs/{job['id']}")).json()
        assert (shown["status"], shown["waiting_on"]) == ("queued", "no_worker")

        await api.end(job["id"], pictures=[b"one", b"two"])
        shown = (await api.http.get(f"/v1/jobs/{job['id']}")).json()
        assert shown["status"] == "succeeded"
        assert shown["attempts"] == 1
        assert shown["started_at"] is not None
        assert shown["finished_at"] is not None
        assert [a["url"] for a in shown["output"]["artifacts"]] == [
            f"{api.url}/v1/jobs/{job['id']}/artifacts/{n}" for n in (0, 1)
        ]

    run(settings, scenario)


def test_a_failed_job_says_why(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        job = await api.submit()
        error = ModelUnavailableError("the model server answered 503").record("err_1")
        await api.end(job["id"], JobState.DEAD, error=error)
        shown = (await api.http.get(f"/v1/jobs/{job['id']}")).json()

        assert shown["status"] == "failed"
        assert shown["error"] == error
        assert shown["output"] is None

    run(settings, scenario)


def test_an_unchanged_job_is_304(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        job = await api.submit()
        path = f"/v1/jobs/{job['id']}"
        first = await api.http.get(path)
        same = await api.http.get(path, headers={"If-None-Match": first.headers["etag"]})
        await api.end(job["id"])
        other = await api.http.get(path, headers={"If-None-Match": first.headers["etag"]})

        assert same.status_code == 304
        assert same.content == b""
        assert same.headers["etag"] == first.headers["etag"]
        assert other.status_code == 200
        assert other.headers["etag"] != first.headers["etag"]
        assert other.headers["cache-control"] == "private, no-cache"

    run(settings, scenario)


UNKNOWN_JOBS: tuple[str, ...] = (
    "job_01kb0q5v3mf0t8w2c7d4e9g6hj",
    "job_1",
    "batch_01kb0q5v3mf0t8w2c7d4e9g6hj",
    "job_zzzzzzzzzzzzzzzzzzzzzzzzzz",
    "job_01kb0q5v3mf0t8w2c7d4e9g6h%00",
    "%F0%9F%90%BA" * 30,
)


def test_an_unknown_job_is_404(settings: Settings, subtests: pytest.Subtests) -> None:
    async def scenario(api: Served) -> None:
        for job_id in UNKNOWN_JOBS:
            with subtests.test(job_id=job_id):
                answer = await api.http.get(f"/v1/jobs/{job_id}")

                assert answer.status_code == 404
                assert answer.json()["code"] == "not_found"
                assert len(answer.json()["detail"]) < 200

    run(settings, scenario)

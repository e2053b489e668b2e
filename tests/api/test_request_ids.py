"""Every answer carries a request id, and every request is counted."""

from typing import Any

import pytest
from prometheus_client import REGISTRY

from infra.settings import Settings
from tests.api.served import Served, run

GOOD_IDS: tuple[str, ...] = (
    "abc-123",
    "req_01kb",
    "00-4bf92f35-00f067aa-01",
    "a" * 128,
)


def test_a_callers_id_is_kept(settings: Settings, subtests: pytest.Subtests) -> None:
    async def scenario(api: Served) -> None:
        for given in GOOD_IDS:
            with subtests.test(given=given):
                answer = await api.http.get("/livez", headers={"X-Request-Id": given})

                assert answer.headers.get_list("x-request-id") == [given]

    run(settings, scenario)


ODD_IDS: tuple[str, ...] = (
    "",
    "a" * 129,
    "two words",
    'quo"te',
    "caf\u00e9",
)


def test_an_odd_id_is_replaced(settings: Settings, subtests: pytest.Subtests) -> None:
    async def scenario(api: Served) -> None:
        for given in ODD_IDS:
            with subtests.test(given=given):
                headers = {b"X-Request-Id": given.encode("latin-1")}
                answer = await api.http.get("/livez", headers=headers)

                assert answer.headers["x-request-id"].startswith("req_")
                assert len(answer.headers["x-request-id"]) == 30

    run(settings, scenario)


def counted(route: str, method: str, status: int) -> float:
    labels = {"route": route, "method": method, "status": str(status)}
    return REGISTRY.get_sample_value("genq_http_requests_total", labels) or 0


def test_requests_are_counted_by_the_template_of_their_route(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        before: list[Any] = [counted("/v1/jobs/{job_id}", "GET", 404)]
        before.append(counted("unmatched", "GET", 404))
        before.append(counted("/v1/jobs", "other", 405))
        await api.http.get("/v1/jobs/job_1")
        await api.http.get("/v1/jobs/job_2")
        await api.http.get("/wp-login.php")
        await api.http.request("PROPFIND", "/v1/jobs")

        assert counted("/v1/jobs/{job_id}", "GET", 404) == before[0] + 2
        assert counted("unmatched", "GET", 404) == before[1] + 1
        assert counted("/v1/jobs", "other", 405) == before[2] + 1

    run(settings, scenario)

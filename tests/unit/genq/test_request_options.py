"""How requests are sent can be said for a client, for a copy of it, and for one request."""

from collections.abc import Generator
from typing import Any

import pytest

from genq import Genq, errors
from genq.job_requests import JobOptions
from tests.fixtures.api_stub import KEY, ApiStub, Says, problem
from tests.unit.genq.test_client import Either


@pytest.fixture(params=["sync", "async"])
def genq(request: pytest.FixtureRequest, api_stub: ApiStub) -> Generator[Either]:
    either = Either(request.param, api_stub.url)
    yield either
    either.close()


def test_every_option_of_a_job_reaches_the_server_under_its_own_name(
    genq: Either, api_stub: ApiStub
) -> None:
    told: dict[str, Any] = {name: f"a {name}" for name in JobOptions.__annotations__}
    told |= {"unique": {"key": "u"}, "webhook": {"url": "https://a.example"}}
    told |= {"requires": {"tags": ["private"]}, "run_at": 5, "deadline": 60}

    api_stub.script = [Says(202, body=api_stub.add_job())]
    genq.call("create", kind="image", input={"prompt": "kite"}, **told)

    (asked,) = api_stub.asked
    sent = asked.json()
    assert set(sent) == {"kind", "input", *told}
    as_told = told.keys() - {"run_at", "deadline"}  # these become instants
    assert {name: sent[name] for name in as_told} == {name: told[name] for name in as_told}


def test_one_request_can_be_sent_in_its_own_way(genq: Either, api_stub: ApiStub) -> None:
    job = api_stub.add_job()
    api_stub.script = [problem(503, "database_unavailable", "away", retryable=True)]

    with pytest.raises(errors.UnavailableError):
        genq.call("get", job["id"], max_retries=0, extra_headers={"X-Team": "art"})
    assert [asked.headers.get("x-team") for asked in api_stub.asked] == ["art"]

    other = genq.client.with_options(extra_headers={"Authorization": "Bearer gq_other"})
    with pytest.raises(errors.AuthenticationError):
        genq.settle(other.jobs.get(job["id"]))
    assert genq.call("get", job["id"]).id == job["id"]


def test_the_http_answer_is_there_for_who_wants_it(genq: Either, api_stub: ApiStub) -> None:
    job = api_stub.add_job()
    told = {"X-Request-Id": "req_7", "RateLimit": '"calls";r=9;t=60'}
    api_stub.script = [problem(503, "x", "away"), Says(body=job, headers=told)]

    answer = genq.settle(genq.client.jobs.with_raw_response.get(job["id"]))

    assert (answer.status_code, answer.request_id) == (200, "req_7")
    assert answer.headers["ratelimit"] == '"calls";r=9;t=60'
    assert answer.parse() == answer.result
    assert answer.result.id == job["id"]


@pytest.mark.parametrize("given", [{"timeout": 0}, {"timeout": -1}, {"max_retries": -1}])
def test_a_number_that_makes_no_sense_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(errors.ConfigurationError, match="expected"):
        Genq(KEY, "http://127.0.0.1:1", **given)

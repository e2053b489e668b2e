"""Every error is one body for every client: RFC 9457's, with OpenAI's error inside."""

import asyncio
import socket
from dataclasses import replace
from datetime import timedelta
from typing import Any

import openai
import pytest
from fastapi.testclient import TestClient
from openai import AsyncOpenAI
from pydantic import SecretStr

from infra.settings import Settings
from producer.api.app import create_app
from producer.api.document_models import Problem
from producer.api.problems import MEANINGS, problem_body
from producer.api.services import Services, open_services
from producer.submit import Submitted, Submitter
from schemas.error_catalog import by_code
from schemas.errors import (
    DatabaseUnavailableError,
    FieldError,
    GenqError,
    InputError,
    ObjectStoreError,
)
from tests.api.served import IMAGE, Served, run


def test_every_code_has_its_status() -> None:
    assert set(by_code()) == set(MEANINGS)


@pytest.mark.parametrize("code", sorted(by_code()))
def test_every_error_fits_the_document(code: str) -> None:
    error = by_code()[code]
    made = error.__new__(error)
    GenqError.__init__(made, "what happened")
    body = problem_body(made, error_id="err_1", request_id="req_1")

    assert Problem.model_validate(body).model_dump() == body
    assert body["status"] == MEANINGS[code].status
    assert body["code"] == body["error"]["code"] == code
    ours = body["status"] >= 500
    assert body["error"]["type"] == ("server_error" if ours else "invalid_request_error")


def test_what_the_operator_must_know_is_not_told_to_clients() -> None:
    body = problem_body(
        ObjectStoreError("object folder /var/lib/genq is full"), error_id="e", request_id=None
    )

    assert "/var" not in str(body)


def test_the_openai_message_names_the_faults_once() -> None:
    error = InputError(
        "the body is not acceptable",
        fields=[
            FieldError("/input/a~1b", "is odd"),
            FieldError("/x", "the body is not acceptable"),
        ],
    )
    inner = problem_body(error, error_id="e", request_id=None)["error"]

    assert inner["message"] == "the body is not acceptable; /input/a~1b: is odd"
    assert inner["param"] == "input.a/b"


def test_unknown_routes_and_methods_are_problems(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        for method, path, status, code in (
            ("GET", "/", 404, "not_found"),
            ("GET", "/v1/job", 404, "not_found"),
            ("GET", "/v1/jobs/", 404, "not_found"),
            ("GET", "/docs", 404, "not_found"),
            ("DELETE", "/v1/jobs", 405, "method_not_allowed"),
            ("POST", "/livez", 405, "method_not_allowed"),
            ("PROPFIND", "/v1/jobs", 405, "method_not_allowed"),
        ):
            answer = await api.http.request(method, path)

            assert (answer.status_code, answer.json()["code"]) == (status, code)
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["instance"] == answer.headers["x-request-id"]
            assert answer.json()["error_id"].startswith("err_")
            if status == 405:
                assert answer.headers["allow"]

    run(settings, scenario)


def test_a_part_of_a_route_takes_no_method_of_the_route_itself(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        for path, allowed in {
            "m/health": "GET",
            "maker/m/versions": "GET",
            "m/rollback": "POST",
            "m/servers/s/drain": "POST",
            "maker/health/m": "GET, PATCH, PUT",
            "maker/health-m": "GET, PATCH, PUT",
        }.items():
            answer = await api.http.delete(f"/v1/routes/{path}")
            assert (answer.status_code, answer.headers["allow"]) == (405, allowed), path
            patched = await api.http.patch(f"/v1/routes/{path}")
            assert (patched.status_code == 405) == ("PATCH" not in allowed), path

    run(settings, scenario)


class BrokenSubmitter(Submitter):
    """Raises what it is given."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def submit(self, *args: Any, **options: Any) -> Submitted:
        raise self.error


def submitter_that_raises(error: Exception) -> Any:
    def change(services: Services) -> Services:
        return replace(services, submitter=BrokenSubmitter(error))

    return change


def test_an_unforeseen_fault_is_500_with_an_id_and_no_detail(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        answer = await api.http.post("/v1/jobs", json=IMAGE)

        assert answer.status_code == 500
        assert answer.json()["code"] == "internal_error"
        assert "secret place" not in answer.text
        assert answer.headers["x-request-id"]
        assert answer.json()["error_id"].startswith("err_")

    run(settings, scenario, submitter_that_raises(ZeroDivisionError("secret place")))


def test_an_error_that_says_when_to_come_back_sets_retry_after(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        answer = await api.http.post("/v1/jobs", json=IMAGE)

        assert answer.status_code == 503
        assert answer.json()["retryable"] is True
        assert answer.headers["retry-after"] == "8"

    error = DatabaseUnavailableError("away", retry_after=timedelta(seconds=7.2))
    run(settings, scenario, submitter_that_raises(error))


def test_a_database_that_is_away_is_503_with_retry_after(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        for method, path in (("GET", "/v1/jobs"), ("POST", "/v1/jobs")):
            answer = await api.http.request(method, path, json=IMAGE)

            assert answer.status_code == 503
            assert answer.json()["code"] == "database_unavailable"
            assert int(answer.headers["retry-after"]) >= 1

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    nowhere = SecretStr(f"postgresql://genq@127.0.0.1:{port}/genq")
    run(settings.model_copy(update={"database_url": nowhere}), scenario, key="gq_any")


def test_openai_raises_its_own_exceptions(settings: Settings) -> None:
    async def scenario(api: Served) -> None:
        def client(key: str) -> AsyncOpenAI:
            return AsyncOpenAI(base_url=f"{api.url}/v1", api_key=key, max_retries=0)

        async with client("gq_wrong") as stranger, client(api.key) as friend:
            with pytest.raises(openai.AuthenticationError) as refused:
                await stranger.get("/jobs", cast_to=object)
            assert refused.value.code == "invalid_api_key"
            assert refused.value.type == "invalid_request_error"
            assert refused.value.request_id is not None

            with pytest.raises(openai.NotFoundError) as missing:
                await friend.get("/jobs/job_1", cast_to=object)
            assert missing.value.code == "not_found"

            with pytest.raises(openai.NotFoundError):
                await friend.fine_tuning.jobs.list()

            with pytest.raises(openai.BadRequestError) as wrong:
                await friend.post("/jobs", body={"kind": "image"}, cast_to=object)
            assert wrong.value.param == "input"
            assert "/input: Field required" in str(wrong.value)

            once: Any = {"headers": {"Idempotency-Key": "one"}}
            await friend.post("/jobs", body=IMAGE, cast_to=object, options=once)
            other = {**IMAGE, "priority": 1}
            with pytest.raises(openai.UnprocessableEntityError) as clash:
                await friend.post("/jobs", body=other, cast_to=object, options=once)
            assert clash.value.code == "idempotency_key_reused"

    run(settings, scenario)


def test_a_route_with_fastapis_own_validation_answers_400_in_this_shape(
    settings: Settings,
) -> None:
    async def application() -> Any:
        async with open_services(settings) as services:
            return create_app(services)

    app = asyncio.run(application())

    async def numbers(count: int) -> int:
        return count

    app.get("/numbers")(numbers)
    with TestClient(app) as client:
        answer = client.get("/numbers?count=x")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/query/count"


def test_a_root_error_has_the_code_of_an_internal_one() -> None:
    assert GenqError("x").code == "internal_error"

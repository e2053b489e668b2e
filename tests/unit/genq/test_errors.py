"""An answer of 400 or more becomes the error class that says what to do."""

import json
from datetime import timedelta
from typing import Any

import pytest

from genq import errors
from genq.errors import error_of
from producer.api.problems import MEANINGS, problem_body
from schemas.errors import FieldError, GenqError, InputError


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, errors.InvalidRequestError),
        (401, errors.AuthenticationError),
        (402, errors.BudgetExhaustedError),
        (403, errors.PermissionDeniedError),
        (404, errors.NotFoundError),
        (409, errors.ConflictError),
        (413, errors.InvalidRequestError),
        (422, errors.InvalidRequestError),
        (429, errors.RateLimitedError),
        (500, errors.ServerError),
        (502, errors.UnavailableError),
        (503, errors.UnavailableError),
        (504, errors.UnavailableError),
    ],
)
def test_a_status_has_one_class(status: int, expected: type[errors.ApiError]) -> None:
    assert type(error_of(status, {}, b"")) is expected


@pytest.mark.parametrize("code", ["content_blocked", "model_refused_content"])
def test_blocked_content_has_a_class_of_its_own(code: str) -> None:
    assert code in MEANINGS
    assert type(error_of(400, {}, json.dumps({"code": code}).encode())) is errors.BlockedError


def test_the_services_own_problem_is_read_whole() -> None:
    fault = InputError("bad", fields=[FieldError("/input/size", "must be WxH")])
    body = json.dumps(problem_body(fault, error_id="err_1", request_id="req_1")).encode()

    error = error_of(400, {"retry-after": "3"}, body)

    assert error.message == "bad"
    assert (error.code, error.status, error.retryable) == ("invalid_request", 400, False)
    assert (error.request_id, error.error_id, error.retry_after) == ("req_1", "err_1", 3)
    assert error.errors == (errors.FieldFault("/input/size", "must be WxH"),)
    assert str(error) == (
        "bad (invalid_request, HTTP 400, request req_1)\n  /input/size: must be WxH"
    )


def test_a_fault_that_the_message_tells_is_not_told_twice() -> None:
    body = (
        b'{"detail": "no model x", "errors": [{"pointer": "/model", "message": "no model x"}]}'
    )

    assert str(error_of(400, {}, body)) == "no model x (http_400, HTTP 400)"


def test_what_the_service_calls_retryable_stays_so() -> None:
    fault = GenqError("down", retry_after=timedelta(seconds=2))
    body = json.dumps(problem_body(fault, error_id="err_1", request_id=None)).encode()

    assert error_of(500, {}, body).retryable


def test_an_openai_error_is_understood() -> None:
    body = b'{"error": {"message": "no such model", "code": "model_not_found"}}'

    assert error_of(404, {}, body).message == "no such model"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the server answered 502 without a reason"),
        (b"<h1>Bad\n gateway</h1>", "<h1>Bad gateway</h1>"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"[1]", "[1]"),
        (b'"text"', '"text"'),
    ],
)
def test_what_a_proxy_writes_is_shown_as_it_is(body: bytes, message: str) -> None:
    error = error_of(502, {"x-request-id": "req_9"}, body)

    assert error.message == message
    assert (error.code, error.request_id) == ("http_502", "req_9")


@pytest.mark.parametrize("wrong", [None, 3, [None, {"pointer": 4}], {"a": 1}])
def test_strange_faults_and_times_do_no_harm(wrong: Any) -> None:
    body = json.dumps({"errors": wrong, "detail": 5, "code": 6, "instance": []}).encode()

    error = error_of(400, {"retry-after": "Fri, 20 Nov 2026 10:00:00 GMT"}, body)

    assert error.retry_after is None

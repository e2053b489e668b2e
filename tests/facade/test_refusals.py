"""What went wrong, as OpenAI's client raises it: class, code, type, param, one try or more."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final

import pytest
from openai import (
    APIStatusError,
    AsyncOpenAI,
    AuthenticationError,
    BadRequestError,
    InternalServerError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    UnprocessableEntityError,
)

from infra.settings import Settings
from producer.api.problems import MEANINGS
from producer.openai.refusals import headers_of, refusal_of_error
from schemas.admission_errors import BudgetExhaustedError, CallRateError
from schemas.error_catalog import by_code
from schemas.errors import ErrorRecord, FieldError, InputError
from schemas.job_states import JobState
from schemas.scopes import KeyScope
from tests.api.served import new_key
from tests.api.test_budgets import set_budget
from tests.api.test_safety_doors import NEVER
from tests.facade.scene import CHAT, Scene, play

NEVER_SAY: Final = [{"role": "user", "content": NEVER["input"]["prompt"]}]


async def caught(client: AsyncOpenAI, **more: Any) -> APIStatusError:
    """Call, and return what it raises."""
    asked: dict[str, Any] = {**CHAT, **more}
    create: Callable[..., Awaitable[Any]] = client.chat.completions.create
    with pytest.raises(APIStatusError) as raised:
        await create(**asked)
    return raised.value


# What is asked for, and: status, code, param, a word of the message.
FAULTS: Final[dict[str, tuple[dict[str, Any], tuple[int, str, str | None, str]]]] = {
    "an unknown model": (
        {"model": "gpt-9"},
        (404, "model_not_found", "model", "there is test-chat"),
    ),
    "a model of another kind": ({"model": "test-image"}, (404, "model_not_found", "model", "")),
    "a role that there is not": (
        {"messages": [{"role": "king", "content": "x"}]},
        (400, "invalid_request", "messages.0.role", "'user'"),
    ),
    "a number that is too large": (
        {"temperature": 9},
        (400, "invalid_request", "temperature", "less than or equal to 2"),
    ),
    "no message": ({"messages": []}, (400, "invalid_request", "messages", "at least 1")),
    "a typing mistake": (
        {"extra_body": {"temperatur": 1}},
        (400, "invalid_request", "temperatur", "did you mean 'temperature'?"),
    ),
    "more than a few names of a server's own": (
        {"extra_body": {f"x{n}": 1 for n in range(65)}},
        (400, "invalid_request", None, "at most 64"),
    ),
    "what genq cannot do": (
        {"audio": {"voice": "ash", "format": "mp3"}},
        (400, "unsupported_parameter", "audio", "leave audio out"),
    ),
    "to be stored": ({"store": True}, (400, "unsupported_parameter", "store", "retention")),
    "to be scored only": (
        {"moderation": {"model": "m", "policy": {"input": {"mode": "score"}}}},
        (400, "unsupported_parameter", "moderation.policy.input.mode", "/v1/moderations"),
    ),
    "a tier that there is not": (
        {"extra_body": {"service_tier": "gold"}},
        (400, "invalid_request", "service_tier", "flex"),
    ),
    "a lane that there is not": (
        {"extra_headers": {"X-Genq-Lane": "gold"}},
        (400, "invalid_request", "X-Genq-Lane", "turbo"),
    ),
    "a lane of genq's that there is not": (
        {"extra_body": {"genq": {"lane": "gold"}}},
        (400, "invalid_request", "genq.lane", "turbo"),
    ),
    "a header that says neither": (
        {"extra_headers": {"X-Genq-Cancel-On-Disconnect": "perhaps"}},
        (400, "invalid_request", "X-Genq-Cancel-On-Disconnect", "true or false"),
    ),
    "an end that has passed": (
        {"extra_body": {"genq": {"deadline": "2020-01-01T00:00:00Z"}}},
        (400, "invalid_request", "genq.deadline", "has passed"),
    ),
    "a name that is too long": (
        {"safety_identifier": "x" * 129},
        (400, "invalid_request", "safety_identifier", "128"),
    ),
    "too much metadata": (
        {"metadata": {str(n): "x" for n in range(17)}},
        (400, "invalid_request", "metadata", "16"),
    ),
    "words that no policy allows": (
        {"messages": NEVER_SAY},
        (400, "content_policy_violation", None, "blocked"),
    ),
}


def test_each_fault_of_a_call_is_named_as_openai_names_it_and_tried_once(
    settings: Settings,
) -> None:
    async def scenario(here: Scene) -> None:
        for what, (asked, (status, code, param, word)) in FAULTS.items():
            error = await caught(here.client, **asked)

            assert (what, error.status_code, error.code, error.param) == (
                what,
                status,
                code,
                param,
            )
            assert error.type == "invalid_request_error"
            assert error.message.count("for kind") == (status == 404)
            assert word in error.message, what
            assert "/input" not in error.message
            assert error.request_id
            assert isinstance(error, NotFoundError if status == 404 else BadRequestError)
        assert len(here.sent) == len(FAULTS)

    play(settings, scenario)


def record(code: str) -> ErrorRecord:
    error = by_code()[code]
    return {
        "code": code,
        "message": "it went wrong",
        "category": error.category.value,
        "severity": error.severity.value,
        "retryable": error.retryable,
        "error_id": "err_01kb0q5v3mf0t8w2c7d4e9g6hm",
    }


# How a job ends, and: status, class, code, type.
ENDS: Final[dict[tuple[JobState, str], tuple[type[APIStatusError], int, str, str]]] = {
    (JobState.BLOCKED, "content_blocked"): (
        BadRequestError, 400, "content_policy_violation", "invalid_request_error",
    ),
    (JobState.BLOCKED, "output_withheld"): (
        BadRequestError, 400, "content_policy_violation", "invalid_request_error",
    ),
    (JobState.FAILED, "model_refused_content"): (
        BadRequestError, 400, "content_policy_violation", "invalid_request_error",
    ),
    (JobState.FAILED, "context_too_long"): (
        BadRequestError, 400, "context_length_exceeded", "invalid_request_error",
    ),
    (JobState.FAILED, "model_rejected_request"): (
        BadRequestError, 400, "model_rejected_request", "invalid_request_error",
    ),
    (JobState.CANCELLED, "job_cancelled"): (
        UnprocessableEntityError, 422, "job_cancelled", "invalid_request_error",
    ),
    (JobState.EXPIRED, "job_expired"): (
        InternalServerError, 504, "job_expired", "server_error",
    ),
    (JobState.DEAD, "model_unavailable"): (
        InternalServerError, 502, "model_unavailable", "server_error",
    ),
    (JobState.DEAD, "worker_lost"): (InternalServerError, 500, "worker_lost", "server_error"),
    (JobState.DEAD, "model_rate_limited"): (
        InternalServerError, 503, "model_rate_limited", "server_error",
    ),
}  # fmt: skip


def test_a_job_that_ends_without_an_answer_is_told_and_not_done_again(
    settings: Settings,
) -> None:
    async def scenario(here: Scene) -> None:
        for (state, failure), (kind, status, code, shown) in ENDS.items():
            asked = here.chat()
            job = await here.job()
            await here.api.end(job, state, error=record(failure))
            with pytest.raises(kind) as raised:
                await asked
            error = raised.value

            assert (error.status_code, error.code, error.type) == (status, code, shown)
            assert error.message.endswith("it went wrong")
            assert error.response.headers["x-should-retry"] == "false"
            assert error.response.headers["x-genq-job-id"] == job
            problem = error.response.json()
            assert (problem["code"], problem["genq"]["job_id"]) == (failure, job)
            assert problem["instance"] == error.request_id
        assert len(here.sent) == len(await here.jobs()) == len(ENDS)

    play(settings, scenario)


def test_a_key_that_is_unknown_or_may_not_is_told_so(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        stranger = here.client.with_options(api_key="gq_stranger")
        error = await caught(stranger)
        assert isinstance(error, AuthenticationError)
        assert (error.code, error.type) == ("invalid_api_key", "invalid_request_error")

        key = await new_key(here.api.services, "acme", KeyScope.JOBS_READ)
        error = await caught(here.client.with_options(api_key=key))
        assert isinstance(error, PermissionDeniedError)
        assert error.code == "insufficient_permissions"
        assert "jobs:write" in error.message

    play(settings, scenario)


def test_a_spent_budget_is_told_as_a_quota_and_not_asked_for_again(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        made = await set_budget(here.api, unit="tokens", amount=20)
        assert made.status_code == 200, made.text
        error = await caught(here.client, max_tokens=400)

        assert isinstance(error, RateLimitError)
        assert (error.code, error.type) == ("insufficient_quota", "insufficient_quota")
        assert error.response.headers["x-should-retry"] == "false"
        assert error.response.json()["budget"]["amount"] == 20
        assert len(here.sent) == 1

    play(settings, scenario)


def test_one_call_too_many_is_told_when_to_come_back(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        client = here.client.with_options(max_retries=0)
        await client.models.list()
        error = await caught(client)

        assert isinstance(error, RateLimitError)
        assert (error.code, error.type) == ("rate_limit_exceeded", "requests")
        assert 50_000 < int(error.response.headers["retry-after-ms"]) <= 60_000
        assert "x-should-retry" not in error.response.headers
        # Whoever comes back has no job yet, and gets none of somebody else's.
        [(tenant,)] = await here.sql("SELECT id FROM tenant WHERE name = 'acme'")
        book = here.api.services.book
        assert await book.attach(tenant, b"x", seconds=1) is None
        assert book.refused_lately(tenant)

    play(settings, scenario, calls_per_minute=1)


@pytest.mark.parametrize("code", sorted(MEANINGS))
def test_nothing_permanent_is_a_conflict_which_openai_s_clients_would_retry(code: str) -> None:
    error = InputError("no")
    error.code = code  # pyright: ignore[reportAttributeAccessIssue] - each code in its turn
    status, body = refusal_of_error(error)

    assert status == body["status"] != 409
    assert body["error"].keys() == {"message", "type", "param", "code"}
    assert (body["error"]["type"] == "server_error") == (status >= 500)


def test_headers_tell_in_milliseconds_or_not_at_all() -> None:
    late = CallRateError("later", retry_after=timedelta(milliseconds=1500))
    spent = BudgetExhaustedError("spent", budget={}, retry_after=timedelta(hours=1))

    assert headers_of(late) == {"retry-after-ms": "1500"}
    assert headers_of(spent) == {"x-should-retry": "false"}
    assert headers_of(InputError("no")) == {}


def test_several_faults_are_told_in_the_one_message_that_clients_show() -> None:
    faults = [
        FieldError("/input/messages/0/role", "is no role"),
        FieldError("/lane", "is none"),
    ]
    status, body = refusal_of_error(InputError("the body is wrong", fields=faults))

    assert status == 400
    assert body["error"]["message"] == (
        "the body is wrong; messages.0.role: is no role; genq.lane: is none"
    )
    assert body["error"]["param"] == "messages.0.role"
    assert [one["pointer"] for one in body["errors"]] == ["/messages/0/role", "/genq/lane"]

import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import aiohttp
import httpx2
import pytest
from openai import APIConnectionError, APIStatusError, APITimeoutError, OpenAIError

from schemas.errors import (
    GenqError,
    ModelAuthError,
    ModelBadAnswerError,
    ModelError,
    ModelRateLimitedError,
    ModelRefusedError,
    ModelTimeoutError,
    ModelUnavailableError,
)
from worker.providers.failures import MODEL_FAILURES, failure_of, reported_failure

NOW: Final = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
REQUEST: Final = httpx2.Request("POST", "https://models.internal/v1/images/generations")


def status_error(
    status: int, body: object = None, headers: Mapping[str, str] | None = None
) -> APIStatusError:
    response = httpx2.Response(status, headers=headers, request=REQUEST)
    return APIStatusError("Error code", response=response, body=body)


def failure(error: Exception) -> GenqError:
    assert isinstance(error, MODEL_FAILURES)
    return failure_of(error, server="kites", now=NOW)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (307, ModelError),
        (400, ModelError),
        (401, ModelAuthError),
        (402, ModelError),
        (403, ModelAuthError),
        (404, ModelError),
        (408, ModelUnavailableError),
        (409, ModelUnavailableError),
        (413, ModelError),
        (422, ModelError),
        (425, ModelUnavailableError),
        (429, ModelRateLimitedError),
        (500, ModelUnavailableError),
        (503, ModelUnavailableError),
        (529, ModelUnavailableError),
        (999, ModelUnavailableError),
    ],
)
def test_every_status_has_one_meaning(status: int, kind: type[GenqError]) -> None:
    found = failure(status_error(status))

    assert type(found) is kind
    assert f"HTTP {status}" in found.message
    assert "kites" in found.message


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"code": "content_policy_violation"}),
        (400, {"code": "moderation_blocked", "type": "image_generation_user_error"}),
        (400, {"error": {"code": "content_filter"}}),
        (403, {"type": "content_policy_violation"}),
        (
            400,
            {"code": "other", "innererror": {"code": "ResponsibleAIPolicyViolation"}},
        ),
    ],
)
def test_a_refusal_by_the_servers_safety_system_blocks(status: int, body: object) -> None:
    assert type(failure(status_error(status, body))) is ModelRefusedError


@pytest.mark.parametrize("code", ["insufficient_quota", "billing_hard_limit_reached"])
def test_an_exhausted_account_is_not_a_rate_limit(code: str) -> None:
    found = failure(status_error(429, {"code": code}, {"retry-after": "3"}))

    assert type(found) is ModelError
    assert not found.retryable


@pytest.mark.parametrize("status", [429, 503])
def test_the_time_that_a_server_asks_for_is_kept(status: int) -> None:
    found = failure(status_error(status, headers={"Retry-After": "7"}))

    assert found.retry_after == timedelta(seconds=7)


def test_the_parameter_that_is_to_blame_is_named() -> None:
    body = {"code": "invalid_value", "param": "messages[3].content", "message": "no"}

    found = failure(status_error(400, body))

    assert "(invalid_value, parameter messages)" in found.message


SECRETS: Final = (
    "sk-proj-0123456789",
    "a red kite over",
    "/srv/models",
    "10.0.0.8",
    "Traceback",
)


@pytest.mark.parametrize("status", [307, 400, 401, 404, 429, 500])
@pytest.mark.parametrize("secret", SECRETS)
def test_nothing_that_a_server_says_is_published(status: int, secret: str) -> None:
    said = {"message": secret, "code": secret, "type": secret, "param": secret}

    for body in (secret, said, {"error": said}, [secret], {"detail": secret}):
        assert secret not in failure(status_error(status, body)).message


def through_sdk(*causes: BaseException, timeout: bool = False) -> Exception:
    """An exception as the SDK wraps it: its own, then the transport's, then aiohttp's."""
    outer = APITimeoutError(REQUEST) if timeout else APIConnectionError(request=REQUEST)
    current: BaseException = outer
    for cause in causes:
        current.__cause__ = cause
        current = cause
    return outer


KEY: Final[Any] = None
REFUSED: Final = ConnectionRefusedError(111, "refused at 10.0.0.8")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (
            through_sdk(httpx2.ConnectTimeout("gone"), aiohttp.ServerDisconnectedError()),
            ModelUnavailableError,
        ),
        (
            through_sdk(httpx2.ReadTimeout("slow"), aiohttp.SocketTimeoutError(), timeout=True),
            ModelTimeoutError,
        ),
        (
            through_sdk(httpx2.ConnectTimeout("slow"), aiohttp.ConnectionTimeoutError()),
            ModelUnavailableError,
        ),
        (
            through_sdk(httpx2.ReadError("cut"), aiohttp.ClientPayloadError("cut")),
            ModelBadAnswerError,
        ),
        (
            through_sdk(
                httpx2.ConnectError("no"), aiohttp.ClientConnectorError(KEY, REFUSED), REFUSED
            ),
            ModelUnavailableError,
        ),
        (through_sdk(httpx2.DecodingError("gzip")), ModelBadAnswerError),
        (through_sdk(httpx2.UnsupportedProtocol("ftp")), ModelError),
        (through_sdk(ssl.SSLError("bad record")), ModelUnavailableError),
        (through_sdk(timeout=True), ModelTimeoutError),
        (aiohttp.ClientResponseError(KEY, (), status=400), ModelBadAnswerError),
        (aiohttp.ClientOSError(104, "reset"), ModelUnavailableError),
        (aiohttp.ClientError(), ModelUnavailableError),
        (aiohttp.InvalidURL("x"), ModelError),
        (TimeoutError(), ModelTimeoutError),
        (REFUSED, ModelUnavailableError),
        (OpenAIError("odd"), ModelUnavailableError),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_a_call_that_breaks_off_has_one_meaning(
    error: Exception, kind: type[GenqError]
) -> None:
    found = failure(error)

    assert type(found) is kind
    assert "10.0.0.8" not in found.message


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": 429, "message": "slow"}, ModelRateLimitedError),
        ({"code": 502, "message": "upstream"}, ModelUnavailableError),
        ({"code": 400, "message": "no"}, ModelError),
        ({"code": "content_filter"}, ModelRefusedError),
        ({"code": "insufficient_quota"}, ModelError),
        ({"message": "something"}, ModelUnavailableError),
        ("something", ModelUnavailableError),
        ({"code": True}, ModelUnavailableError),
    ],
)
def test_an_error_that_comes_as_a_success_is_still_an_error(
    error: Any, kind: type[GenqError]
) -> None:
    assert type(reported_failure(error, {}, server="kites", now=NOW)) is kind

"""What a model server's failure means: the only table from SDK exceptions to the taxonomy.

Messages are published to the job's owner. They are made of our own words, the HTTP status and
names that are ours to know: a server's own text may quote the prompt, a key or its disk.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

import aiohttp
import httpx2
from openai import APIStatusError, APITimeoutError, OpenAIError
from pydantic import JsonValue, TypeAdapter, ValidationError

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
from schemas.generation import INPUTS
from schemas.queue_errors import ContextTooLongError
from worker.providers.retry_after import retry_after

# Everything that a call of the SDK, or of aiohttp below it, raises when the server is to blame.
MODEL_FAILURES: Final = (OpenAIError, httpx2.HTTPError, aiohttp.ClientError, OSError)

_POLICY_CODES: Final = frozenset(
    {
        "content_filter",  # Azure
        "content_policy_violation",
        "moderation_blocked",
        "responsibleaipolicyviolation",  # Azure, inside
    }
)
_QUOTA_CODES: Final = frozenset(
    {"billing_hard_limit_reached", "billing_not_active", "insufficient_quota"}
)
_CONTEXT_CODES: Final = frozenset({"context_length_exceeded"})

_CLIENT_ERROR: Final = HTTPStatus.BAD_REQUEST
_SERVER_ERROR: Final = HTTPStatus.INTERNAL_SERVER_ERROR
_RETRYABLE: Final = (ModelUnavailableError, "submit the job again later")
_BY_STATUS: Final[Mapping[int, tuple[type[ModelError], str]]] = MappingProxyType(
    {
        401: (ModelAuthError, "an operator must correct the server's api_key"),
        403: (ModelAuthError, "an operator must give the server's api_key this permission"),
        404: (ModelError, "an operator must correct its models or its base_url"),
        408: _RETRYABLE,
        409: _RETRYABLE,
        425: _RETRYABLE,
        429: (
            ModelRateLimitedError,
            "it takes no more calls for now; submit the job again later",
        ),
    }
)
_REDIRECTED: Final = (ModelError, "an operator must correct its base_url")
_REFUSED: Final = (ModelError, "change the parameters and submit the job again")

# First match wins. aiohttp's transport calls a lost connection a timeout (ClientConnectionError
# becomes httpx2.ConnectTimeout), so causes are asked before the exceptions that wrap them.
_BY_EXCEPTION: Final[tuple[tuple[type[Exception], type[ModelError], str], ...]] = (
    (aiohttp.ConnectionTimeoutError, ModelUnavailableError, "cannot be reached"),
    (TimeoutError, ModelTimeoutError, "did not answer in time"),
    (aiohttp.ClientPayloadError, ModelBadAnswerError, "cut its answer"),
    (aiohttp.ClientSSLError, ModelUnavailableError, "cannot be reached by TLS"),
    (aiohttp.ClientConnectorError, ModelUnavailableError, "cannot be reached"),
    (aiohttp.ClientConnectionError, ModelUnavailableError, "closed the connection"),
    (aiohttp.ClientResponseError, ModelBadAnswerError, "does not speak HTTP"),
    (aiohttp.InvalidURL, ModelError, "has a base_url that is not a URL"),
    (aiohttp.ClientError, ModelUnavailableError, "broke off the call"),
    (httpx2.DecodingError, ModelBadAnswerError, "gave an answer that cannot be read"),
    (httpx2.ConnectTimeout, ModelUnavailableError, "cannot be reached"),
    (httpx2.TimeoutException, ModelTimeoutError, "did not answer in time"),
    (httpx2.UnsupportedProtocol, ModelError, "has a base_url that is not a URL"),
    (httpx2.HTTPError, ModelUnavailableError, "broke off the call"),
    (OSError, ModelUnavailableError, "cannot be reached"),
    (APITimeoutError, ModelTimeoutError, "did not answer in time"),
    (OpenAIError, ModelUnavailableError, "broke off the call"),
)

_PARAMETERS: Final = frozenset(name for model in INPUTS.values() for name in model.model_fields)
# Letters and underscores only: no key, path, address or sentence has this form.
_CODE: Final = re.compile(r"[a-z_]{1,48}")
_OBJECT: Final = TypeAdapter(dict[str, JsonValue])


@dataclass(frozen=True, slots=True)
class Refusal:
    """The error object of an answer, in the form that OpenAI's API gives it.

    Attributes:
        codes: Machine-readable reasons in lower case, most specific first; none that could be
            anything else.
        parameter: The parameter that is to blame, if it is one of ours.
        text: The server's own words. Never published, and logged only as a prompt is.
    """

    codes: tuple[str, ...] = ()
    parameter: str | None = None
    text: str | None = None


def failure_of(error: Exception, *, server: str, now: datetime) -> GenqError:
    """Return the taxonomy's form of an exception out of ``MODEL_FAILURES``.

    Args:
        error: What the SDK or aiohttp raised.
        server: The model server's configured name.
        now: For a ``Retry-After`` that gives a date.
    """
    if isinstance(error, APIStatusError):
        return status_failure(
            error.status_code,
            refusal_of(error.body),
            error.response.headers,
            server=server,
            now=now,
        )
    for cause in _innermost_first(error):
        for kind, failure, what in _BY_EXCEPTION:
            if isinstance(cause, kind):
                advice = _RETRYABLE[1] if failure.retryable else "an operator must correct it"
                return failure(f"model server {server} {what}: {advice}")
    return ModelUnavailableError(f"model server {server} failed: {_RETRYABLE[1]}")


def status_failure(
    status: int,
    refusal: Refusal,
    headers: Mapping[str, str],
    *,
    server: str,
    now: datetime,
) -> GenqError:
    """Return the taxonomy's form of an answer with a status outside 2xx.

    Args:
        status: The HTTP status.
        refusal: What the body says.
        headers: The answer's headers, looked up in lower case.
        server: The model server's configured name.
        now: For a ``Retry-After`` that gives a date.
    """
    what = f"model server {server} answered HTTP {status}{_reason(refusal)}"
    if _CLIENT_ERROR <= status < _SERVER_ERROR and not _POLICY_CODES.isdisjoint(refusal.codes):
        return ModelRefusedError(
            f"{what}: its safety system does not accept the input; change it and submit again"
        )
    if _CLIENT_ERROR <= status < _SERVER_ERROR and not _QUOTA_CODES.isdisjoint(refusal.codes):
        return ModelError(f"{what}: genq's account there is used up; an operator must act")
    if _CLIENT_ERROR <= status < _SERVER_ERROR and not _CONTEXT_CODES.isdisjoint(refusal.codes):
        return ContextTooLongError(
            f"{what}: the input is longer than the model can take; shorten it, or submit it "
            "for another model"
        )
    if status in _BY_STATUS:
        failure, advice = _BY_STATUS[status]
    elif status < _CLIENT_ERROR:
        failure, advice = _REDIRECTED
    else:
        failure, advice = _REFUSED if status < _SERVER_ERROR else _RETRYABLE
    return failure(f"{what}: {advice}", retry_after=retry_after(headers, now=now))


def reported_failure(
    error: JsonValue, headers: Mapping[str, str], *, server: str, now: datetime
) -> GenqError:
    """Return the taxonomy's form of an error object that came with HTTP 200, as proxies do.

    Args:
        error: The error object; its ``code`` may be the status that the proxy got.
        headers: The answer's headers, looked up in lower case.
        server: The model server's configured name.
        now: For a ``Retry-After`` that gives a date.
    """
    refusal = refusal_of(error)
    status = error.get("code") if isinstance(error, dict) else None
    if not isinstance(status, int) or status < _CLIENT_ERROR:
        # Without a status, a refusal for good is one that names its reason.
        final = not (_POLICY_CODES | _QUOTA_CODES | _CONTEXT_CODES).isdisjoint(refusal.codes)
        status = 403 if final else 502
    return status_failure(status, refusal, headers, server=server, now=now)


def refusal_of(body: object) -> Refusal:
    """Return what an error body says, as far as it can be understood.

    Args:
        body: Decoded JSON: the error object itself, or one that holds it under ``error``.
    """
    try:
        error = _OBJECT.validate_python(body)
    except ValidationError:
        return Refusal(text=body if isinstance(body, str) else None)
    if isinstance(inner := error.get("error"), dict):
        error = inner
    nested = error.get("innererror")
    deepest = nested.get("code") if isinstance(nested, dict) else None
    found = (deepest, error.get("code"), error.get("type"))
    text = error.get("message")
    return Refusal(
        codes=tuple(filter(_CODE.fullmatch, (c.lower() for c in found if isinstance(c, str)))),
        parameter=_known_parameter(error.get("param")),
        text=text if isinstance(text, str) else None,
    )


def _known_parameter(name: JsonValue) -> str | None:
    if not isinstance(name, str):
        return None
    root = re.split(r"[.\[]", name, maxsplit=1)[0]
    return root if root in _PARAMETERS else None


def _reason(refusal: Refusal) -> str:
    parts = list(refusal.codes[:1])
    if refusal.parameter:
        parts.append(f"parameter {refusal.parameter}")
    return f" ({', '.join(parts)})" if parts else ""


def _innermost_first(error: BaseException) -> Iterator[BaseException]:
    if error.__cause__ is not None:
        yield from _innermost_first(error.__cause__)
    yield error

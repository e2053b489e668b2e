"""Errors as HTTP answers: the only table from an error's code to its status.

The body is RFC 9457's problem+json and carries OpenAI's ``error`` object beside it, so that one
body serves every client.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import orjson
import structlog
from starlette.responses import Response
from starlette.types import Scope

from infra.new_ids import new_key
from producer.api.http_errors import RangeNotSatisfiableError
from schemas.errors import (
    FieldError,
    GenqError,
    InternalError,
    Severity,
)
from schemas.ids import format_id

MEDIA_TYPE: Final = "application/problem+json"
REQUEST_ID: Final = "genq.request_id"
PROBLEM_CODE: Final = "genq.problem_code"
ERROR_ID: Final = "genq.error_id"
RATE_HEADERS: Final = "genq.rate_headers"
"""Where a request's scope keeps the headers that tell a tenant's calls per minute."""
PUBLIC_URL: Final = "genq.public_url"

_AWAY: Final = "a server that genq needs is away; try again"
# All that a stranger learns of a fault of ours; the log has the rest, under the error's id.
FAULT: Final = "something went wrong inside genq; the operator finds it in the log by error_id"

_SHOWN_FIELDS: Final = 20
_TOLD_FIELDS: Final = 3
SERVER_ERROR: Final = 500
_UNAVAILABLE_RETRY_SECONDS: Final = 2

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code means in HTTP.

    Attributes:
        detail: All that a client is told, where the error's own message is for the operator:
            it may name folders, hosts and settings. The log has it, under the error's id.
    """

    status: int
    title: str
    detail: str | None = None


MEANINGS: Final[Mapping[str, Meaning]] = MappingProxyType(
    {
        "batch_already_ended": Meaning(400, "Batch has ended"),
        "batch_not_retryable": Meaning(400, "Nothing to try again"),
        "chat_request_unreadable": Meaning(400, "Unreadable request"),
        "filter_too_wide": Meaning(400, "Filter too wide"),
        "invalid_request": Meaning(400, "Invalid request"),
        "outbound_refused": Meaning(400, "Refused address"),
        "unsupported_parameter": Meaning(400, "Unsupported parameter"),
        "content_blocked": Meaning(400, "Blocked content"),
        "output_withheld": Meaning(400, "Output withheld"),
        "context_too_long": Meaning(400, "Input too long for the model"),
        "model_refused_content": Meaning(400, "Content refused by the model"),
        "model_rejected_request": Meaning(400, "Request rejected by the model"),
        "invalid_api_key": Meaning(401, "Invalid API key"),
        "chat_signature_invalid": Meaning(401, "Invalid signature"),
        "budget_exhausted": Meaning(402, "Budget exhausted"),
        "budget_too_small": Meaning(402, "Budget too small"),
        "permission_denied": Meaning(403, "Permission denied"),
        "tenant_suspended": Meaning(403, "Tenant suspended"),
        "end_user_suspended": Meaning(403, "End user suspended"),
        "not_found": Meaning(404, "Not found"),
        "chat_not_configured": Meaning(404, "No such bot"),
        "model_not_found": Meaning(404, "Unknown model"),
        "object_missing": Meaning(404, "Object missing", "the bytes are no longer stored"),
        "method_not_allowed": Meaning(405, "Method not allowed"),
        "request_timeout": Meaning(408, "Request timeout"),
        "still_running": Meaning(408, "Still running"),
        "artifact_not_available": Meaning(409, "Artifact not available"),
        "approval_needed": Meaning(409, "Another person must approve"),
        "duplicate_job": Meaning(409, "Duplicate job"),
        "chat_pressed": Meaning(409, "Under way already"),
        "job_already_ended": Meaning(409, "Job already ended"),
        "content_erased": Meaning(410, "Content erased"),
        "not_appealable": Meaning(409, "Not appealable"),
        "review_barred": Meaning(409, "Somebody else must decide"),
        "review_not_yours": Meaning(409, "Claim the item first"),
        "review_over": Meaning(409, "Decided already"),
        "under_legal_hold": Meaning(409, "Under legal hold"),
        "content_unreadable": Meaning(500, "Stored content cannot be opened"),
        "sealed_value_unreadable": Meaning(500, "A stored secret cannot be opened"),
        "job_cancelled": Meaning(409, "Job cancelled"),
        "job_expired": Meaning(409, "Job expired"),
        "job_not_dead": Meaning(409, "Job is not dead"),
        "job_not_retryable": Meaning(409, "Job cannot be tried again"),
        "endpoint_not_active": Meaning(409, "Endpoint not active"),
        "event_content_gone": Meaning(409, "Content is gone"),
        "job_replaced": Meaning(409, "Job replaced"),
        "key_not_active": Meaning(409, "Key not active"),
        "action_not_possible": Meaning(409, "Action not possible"),
        "name_taken": Meaning(409, "Name taken"),
        "route_changed": Meaning(412, "Route changed meanwhile"),
        "too_many_endpoints": Meaning(409, "Too many webhook endpoints"),
        "recovery_under_way": Meaning(409, "Recovery under way"),
        "cursor_expired": Meaning(410, "Cursor expired"),
        "payload_too_large": Meaning(413, "Body too large"),
        "unsupported_media_type": Meaning(415, "Unsupported media type"),
        "range_not_satisfiable": Meaning(416, "Range not satisfiable"),
        "no_such_picture": Meaning(422, "No such picture"),
        "invalid_policy": Meaning(422, "Invalid safety policy"),
        "invalid_route": Meaning(422, "Invalid route"),
        "no_capable_server": Meaning(422, "No server can do it"),
        "no_permitted_server": Meaning(422, "No permitted server"),
        "idempotency_key_reused": Meaning(422, "Idempotency key reused"),
        "webhook_test_failed": Meaning(424, "Webhook endpoint not reached"),
        "chat_queue_full": Meaning(429, "Queue full"),
        "rate_limited": Meaning(429, "Too many calls"),
        "too_many_batches": Meaning(429, "Too many batches under way"),
        "too_many_searches": Meaning(429, "Too many searches at once"),
        "headers_too_large": Meaning(431, "Headers too large"),
        "internal_error": Meaning(500, "Internal error", FAULT),
        "invalid_settings": Meaning(500, "Invalid settings", FAULT),
        "worker_lost": Meaning(500, "Worker lost"),
        "model_misconfigured": Meaning(502, "Model server cannot run its workflow"),
        "model_key_rejected": Meaning(502, "Model server refused genq's key"),
        "model_bad_answer": Meaning(502, "Bad answer of the model server"),
        "model_unavailable": Meaning(502, "Model server unavailable"),
        "model_busy": Meaning(503, "Model server at its limit"),
        "identical_job_runs": Meaning(503, "An identical job runs"),
        "picture_busy": Meaning(503, "Host of a picture at its limit"),
        "picture_unavailable": Meaning(502, "Picture not to be had"),
        "model_rate_limited": Meaning(503, "Model server is busy"),
        "broker_unavailable": Meaning(503, "Broker unavailable", _AWAY),
        "valkey_unavailable": Meaning(503, "Valkey unavailable", _AWAY),
        "object_store_unavailable": Meaning(503, "Object store unavailable", _AWAY),
        "draining": Meaning(503, "About to stop"),
        "chat_platform_unreachable": Meaning(502, "Chat platform unreachable"),
        "chat_setup_refused": Meaning(502, "Refused by the chat platform"),
        "stream_broken": Meaning(502, "Stream broken off"),
        "too_many_connections": Meaning(503, "Too many connections"),
        "grid_busy": Meaning(503, "Too many sheets of pictures"),
        "report_busy": Meaning(503, "Too many reports of usage"),
        "database_unavailable": Meaning(503, "Database unavailable", _AWAY),
        "model_timeout": Meaning(504, "Model server timed out"),
        "webhook_test_not_sent": Meaning(504, "Webhook test not sent"),
    }
)


def status_of_code(code: str) -> int:
    """Return the HTTP status that answers an error of this code."""
    return MEANINGS[code].status if code in MEANINGS else SERVER_ERROR


def problem_body(
    error: GenqError, *, error_id: str, request_id: str | None, public_url: str = ""
) -> dict[str, Any]:
    """Return the JSON body that tells a client of ``error``.

    Args:
        error: What went wrong.
        error_id: ``err_…``, shared with the log.
        request_id: ``X-Request-Id`` of this exchange.
        public_url: Where the page of errors is served, without a final slash.
    """
    code = error.code if error.code in MEANINGS else "internal_error"
    meaning = MEANINGS[code]
    detail = meaning.detail or error.message
    ours = meaning.status >= SERVER_ERROR
    fields = error.fields[:_SHOWN_FIELDS]
    return {
        "type": f"{public_url}/errors#{code}",
        "title": meaning.title,
        "status": meaning.status,
        "detail": detail,
        "instance": request_id,
        "code": code,
        "category": error.category.value,
        "severity": error.severity.value,
        "retryable": error.retryable,
        "errors": problem_faults(fields),
        "error_id": error_id,
        **error.members,
        "error": {
            "message": _message(detail, fields),
            "type": "server_error" if ours else "invalid_request_error",
            "param": _parameter(fields[0]) if fields else None,
            "code": code,
        },
    }


def problem_response(
    error: GenqError, scope: Scope, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the answer to a request that failed with ``error``, and log it if it is ours.

    The code and the error's id are left in ``scope`` for the request's own log line.
    """
    body = problem_body(
        error,
        error_id=format_id("err", new_key()),
        request_id=scope.get(REQUEST_ID),
        public_url=scope.get(PUBLIC_URL, ""),
    )
    return send_problem(error, body, scope, headers)


def send_problem(
    error: GenqError,
    body: Mapping[str, Any],
    scope: Scope,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the answer that tells ``body``, and log it if it is ours.

    Args:
        error: What went wrong.
        body: As ``problem_body`` has it, or one that tells the same in other words.
        scope: Of the request; the code and the error's id are left in it.
        headers: What else the answer tells.
    """
    scope[PROBLEM_CODE] = body["code"]
    scope[ERROR_ID] = body["error_id"]
    status: int = body["status"]
    grave = error.severity in {Severity.HIGH, Severity.CRITICAL}
    # Of low severity is what happens on a good day, such as a process that stops.
    if grave or (status >= SERVER_ERROR and error.severity is not Severity.LOW):
        _log_failure(error, body["error_id"], body["code"])
    return Response(
        orjson.dumps(body),
        status_code=status,
        media_type=MEDIA_TYPE,
        headers={
            **_headers_of(error, status),
            **scope.get(RATE_HEADERS, {}),
            **(headers or {}),
        },
    )


def _log_failure(error: GenqError, error_id: str, code: str) -> None:
    fields = {"error_id": error_id, "code": code, "message": error.message}
    if code == InternalError.code:
        _log.error("request_failed", **fields, exc_info=error)
    else:
        # Known and expected of a bad day: a traceback per request would drown the log.
        cause = type(error.__cause__).__name__ if error.__cause__ else None
        _log.error("request_failed", **fields, cause=cause)


def _headers_of(error: GenqError, status: int) -> dict[str, str]:
    headers: dict[str, str] = {}
    if error.retry_after is not None:
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after.total_seconds())))
    elif status == MEANINGS["database_unavailable"].status:
        headers["retry-after"] = str(_UNAVAILABLE_RETRY_SECONDS)
    if isinstance(error, RangeNotSatisfiableError):
        headers["content-range"] = f"bytes */{error.size}"
    if status == MEANINGS["invalid_api_key"].status:
        headers["www-authenticate"] = 'Bearer realm="genq"'
    return headers


def problem_faults(fields: Sequence[FieldError]) -> list[dict[str, str]]:
    """Return the member ``errors``: of each fault its place, what is wrong, and the rule."""
    rules = [{"rule": field.rule} if field.rule else {} for field in fields]
    return [
        {"pointer": field.pointer, "message": field.message, **rule}
        for field, rule in zip(fields, rules, strict=True)
    ]


def _message(detail: str, fields: Sequence[FieldError]) -> str:
    # OpenAI's clients show this one string and nothing else.
    new = [field for field in fields if field.message not in detail]
    faults = [f"{field.pointer}: {field.message}" for field in new[:_TOLD_FIELDS]]
    return "; ".join([detail, *faults])


def _parameter(field: FieldError) -> str:
    """Return the field as OpenAI names it: ``input.messages.0.role``."""
    names = field.pointer.lstrip("/").split("/")
    if names[0] in {"query", "headers"}:
        names = names[1:]
    return ".".join(name.replace("~1", "/").replace("~0", "~") for name in names)

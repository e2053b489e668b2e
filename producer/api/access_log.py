"""What every request gets: an id, its numbers, one log line, and an answer even to our faults.

And what every answer gets: headers that keep browsers from guessing, running and remembering.

Pure ASGI: Starlette's middleware base class would cost a task and a queue per request.
"""

import re
from typing import Final

import structlog
from prometheus_client import Counter, Histogram
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra.clock import Clock
from infra.new_ids import new_key
from infra.telemetry.metrics import ADMISSIONS, HTTP_REQUEST_SECONDS, HTTP_REQUESTS
from producer.api.problems import (
    ERROR_ID,
    FAULT,
    PROBLEM_CODE,
    PUBLIC_URL,
    REQUEST_ID,
    problem_response,
)
from schemas.admission_errors import (
    BudgetExhaustedError,
    BudgetTooSmallError,
    CallRateError,
)
from schemas.errors import InternalError
from schemas.ids import format_id
from schemas.permission_errors import PermissionDeniedError, TenantSuspendedError

_HEADER: Final = b"x-request-id"
_ACCEPTABLE: Final = re.compile(rb"[A-Za-z0-9._:+/=-]{1,128}")
_UNMATCHED: Final = "unmatched"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Asked every few seconds by machines; their lines would hide the others.
_SILENT: Final = frozenset({"/livez", "/readyz", "/metrics"})
_SHOWN_PATH: Final = 200
_TOLD_BY_ROUTE: Final = "{token}"
# A link that was copied with a slash too many leads to no route, and opens what it opens.
_BEFORE_TOKEN: Final = re.compile(
    r".*?/+(?:chat/+(?:link|gallery)|v1/+artifacts)/+", re.IGNORECASE | re.DOTALL
)
# What stands between a known caller and a job.
_LIMITS: Final = frozenset(
    error.code
    for error in (
        CallRateError,
        BudgetExhaustedError,
        BudgetTooSmallError,
        PermissionDeniedError,
        TenantSuspendedError,
    )
)
# Where an answer says otherwise of itself, it knows better.
_SECURITY: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
_HSTS: Final = (b"strict-transport-security", b"max-age=31536000")
# nginx's number for a client that left before the answer.
_CLIENT_LEFT: Final = 499

Headers = tuple[tuple[bytes, bytes], ...]

_log = structlog.get_logger()


class AccessLog:
    """The outermost middleware.

    Args:
        app: What it surrounds.
        clock: Measures how long requests take.
        public_url: Where clients reach the API; by https, they are told to stay there.
    """

    def __init__(self, app: ASGIApp, clock: Clock, public_url: str) -> None:
        self._app = app
        self._clock = clock
        self._public_url = public_url
        secure = public_url.startswith("https://")
        self._headers = (*_SECURITY, _HSTS) if secure else _SECURITY
        self._counters: dict[tuple[str, str, int], Counter] = {}
        self._durations: dict[str, Histogram] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = self._clock.monotonic()
        request_id = _given_id(scope) or format_id("req", new_key())
        scope[REQUEST_ID] = request_id
        scope[PUBLIC_URL] = self._public_url
        answer = _Answer(send, request_id, self._clock, self._headers)
        # Never unbound: the server runs each request in a context of its own.
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            await self._app(scope, receive, answer.send)
        except ClientDisconnect:
            answer.status = answer.status or _CLIENT_LEFT
        except Exception as error:  # noqa: BLE001 - the last resort: a stranger gets no traceback
            await _answer_fault(error, scope, receive, answer)
        finally:
            self._tell(scope, answer, began)

    def _tell(self, scope: Scope, answer: "_Answer", began: float) -> None:
        now = self._clock.monotonic()
        route = getattr(scope.get("route"), "path", _UNMATCHED)
        method = scope["method"] if scope["method"] in _METHODS else "other"
        status = answer.status or _CLIENT_LEFT
        self._count(route, method, status, (answer.began_at or now) - began)
        if route in _SILENT:
            return
        refused = PROBLEM_CODE in scope
        if refused and scope[PROBLEM_CODE] in _LIMITS:
            ADMISSIONS.labels("refused", scope[PROBLEM_CODE]).inc()
        fields = {"code": scope[PROBLEM_CODE], "error_id": scope[ERROR_ID]} if refused else {}
        _log.info(
            "http_request",
            method=method,
            path=_shown_path(route, scope["path"]),
            route=route,
            status=status,
            duration_ms=round((now - began) * 1000, 1),
            **fields,
        )

    def _count(self, route: str, method: str, status: int, seconds: float) -> None:
        # Looking a child up by its labels costs more than counting.
        counter = self._counters.get((route, method, status))
        if counter is None:
            counter = HTTP_REQUESTS.labels(route, method, str(status))
            self._counters[route, method, status] = counter
        counter.inc()
        duration = self._durations.get(route)
        if duration is None:
            duration = self._durations[route] = HTTP_REQUEST_SECONDS.labels(route)
        duration.observe(seconds)


class _Answer:
    """Passes the answer on with its headers, and remembers how it began."""

    __slots__ = ("_clock", "_headers", "_request_id", "_send", "began_at", "status")

    def __init__(self, send: Send, request_id: str, clock: Clock, headers: Headers) -> None:
        self._send = send
        self._headers = headers
        self._request_id = request_id.encode()
        self._clock = clock
        self.status = 0
        self.began_at: float | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.began_at = self._clock.monotonic()
            headers = message["headers"]
            said = {name for name, _ in headers}
            headers.extend(header for header in self._headers if header[0] not in said)
            headers.append((_HEADER, self._request_id))
        await self._send(message)


async def _answer_fault(
    error: Exception, scope: Scope, receive: Receive, answer: _Answer
) -> None:
    known = InternalError(FAULT)
    known.__cause__ = error
    response = problem_response(known, scope)
    if answer.status == 0:
        await response(scope, receive, answer.send)
        return
    # The head is out. Breaking the connection is the only way to say that the rest is missing.
    raise error


def _shown_path(route: str, path: str) -> str:
    """Return the path as it may be logged, without the token of a link.

    That would open for whoever reads the log what it opens for its holder.
    """
    if _TOLD_BY_ROUTE in route:
        return route
    before = _BEFORE_TOKEN.match(path) if route == _UNMATCHED else None
    return (path if before is None else before[0])[:_SHOWN_PATH]


def _given_id(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == _HEADER:
            return value.decode() if _ACCEPTABLE.fullmatch(value) else None
    return None

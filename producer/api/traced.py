"""The span of a request: a child of the caller's own trace, if it sent a ``traceparent``."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra.telemetry.tracing import HEADER, SpanKind, span

# Asked every few seconds by machines.
_SILENT: Final = frozenset({"/livez", "/readyz", "/metrics"})
_FAULT: Final = 500


class Traced:
    """The outermost middleware while traces are on; otherwise it is not there."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request within its span."""
        if scope["type"] != "http" or scope["path"] in _SILENT:
            await self._app(scope, receive, send)
            return
        status = 0

        async def send_noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        method = scope["method"]
        about = {"http.request.method": method, "url.scheme": scope["scheme"]}
        with span(method, SpanKind.SERVER, parent=_parent(scope), attributes=about) as request:
            await self._app(scope, receive, send_noting)
            # Known only now: which route took it. The path itself may hold ids.
            route = getattr(scope.get("route"), "path", None)
            if route is not None:
                request.rename(f"{method} {route}")
                request.set("http.route", route)
            if status:
                request.set("http.response.status_code", status)
            if status >= _FAULT:
                request.fail(str(status))


def _parent(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == HEADER.encode():
            # What is no traceparent begins a trace of its own, as the standard wants.
            return value.decode("latin-1")
    return None

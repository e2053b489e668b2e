"""Answers to what the router refuses, and to what a route raises."""

from collections.abc import Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from producer.api.http_errors import MethodNotAllowedError
from producer.api.problems import FAULT, SERVER_ERROR, problem_response
from schemas.errors import FieldError, GenqError, InputError, InternalError, NotFoundError


async def answer_error(request: Request, error: Exception) -> Response:
    """Answer a ``GenqError`` that a route raised."""
    known = error if isinstance(error, GenqError) else InternalError(FAULT)
    return problem_response(known, request.scope)


async def answer_http_exception(request: Request, error: Exception) -> Response:
    """Answer what the router itself refuses: unknown routes and methods."""
    status = error.status_code if isinstance(error, HTTPException) else SERVER_ERROR
    sent = (error.headers if isinstance(error, HTTPException) else None) or {}
    place = f"{request.method} {request.url.path}"
    match status:
        case 404:
            known: GenqError = NotFoundError(
                f"there is no {place}; GET /openapi.json lists every route"
            )
        case 405:
            # The router names the methods of the first route of this path, not of all.
            sent = {"allow": ", ".join(sorted(_methods_at(request)))}
            known = MethodNotAllowedError(
                f"there is no {place}; this path takes {sent['allow']}"
            )
        case _ if status < SERVER_ERROR:
            known = InputError(str(getattr(error, "detail", "the request is not acceptable")))
        case _:
            known = InternalError(FAULT)
    return problem_response(known, request.scope, sent)


def _methods_at(request: Request) -> set[str]:
    found = {
        method
        for route in request.app.router.routes
        if route.matches(request.scope)[0] is not Match.NONE
        for method in getattr(route, "methods", None) or ()
    }
    return found - {"HEAD"}


async def answer_invalid_request(request: Request, error: Exception) -> Response:
    """Answer what FastAPI's own validation refuses, in place of its 422."""
    found: Sequence[Any] = error.errors() if isinstance(error, RequestValidationError) else ()
    faults = [
        FieldError("".join(f"/{part}" for part in fault["loc"] if part != "body"), fault["msg"])
        for fault in found
    ]
    known = InputError("the request is not acceptable", fields=faults)
    return problem_response(known, request.scope)

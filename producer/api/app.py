"""The FastAPI application: which route does what, and what the document says of it.

Routes take the raw request and return finished bytes: FastAPI's own parsing and serialising
would do a second time what pydantic and orjson did already, at twice the cost of a submit.
"""

from collections.abc import Awaitable, Callable, Coroutine
from copy import copy
from functools import cache, partial
from typing import Any, Final, Self

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from infra.audit_actor import acting_as
from infra.postgres.tenants import Tenant
from infra.telemetry.metrics import installed_version
from infra.telemetry.tracing import TRACING
from producer.api import document
from producer.api.access_log import AccessLog
from producer.api.actions import act_on_jobs
from producer.api.admin_routes import ADMIN_ROUTES
from producer.api.artifact_links import send_linked_artifact
from producer.api.artifacts import send_artifact
from producer.api.audit import AUDIT_ROUTES
from producer.api.auth import CALLER, keep_to_portal, require
from producer.api.batch_operations import BATCH_ROUTES
from producer.api.budgets_operations import BUDGET_ROUTES
from producer.api.bulk import submit_jobs
from producer.api.bulk_operations import SUBMIT_JOBS
from producer.api.cache_operations import CACHE_ROUTES
from producer.api.call_rate import count_call, count_visit, tell_rate
from producer.api.cancel import cancel_job, cancel_jobs
from producer.api.cancel_operations import CANCEL_JOB, CANCEL_JOBS
from producer.api.chat_binding_operations import CHAT_BINDING_ROUTES
from producer.api.chat_operations import CHAT_ROUTES
from producer.api.chat_page_operations import CHAT_PAGES
from producer.api.dead_letter_operations import (
    GROUP_DEAD_LETTERS,
    LIST_DEAD_LETTERS,
    REDRIVE_DEAD_LETTERS,
    SHOW_DEAD_LETTER,
)
from producer.api.dead_letters import (
    group_all_dead_letters,
    list_some_dead_letters,
    redrive_dead_letters,
    show_dead_letter,
)
from producer.api.errors_page import show_errors
from producer.api.feed import read_events
from producer.api.file_operations import FILE_ROUTES
from producer.api.grid_operations import GRID_ROUTES
from producer.api.hash_list_operations import HASH_LIST_ROUTES
from producer.api.health import livez, readyz
from producer.api.jobs import list_some_jobs, show_job
from producer.api.live_operations import READ_EVENTS, SHOW_PREVIEW, WATCH_JOB
from producer.api.live_routes import show_preview, watch_job
from producer.api.metrics_page import StatePage, show_metrics
from producer.api.moderation_operations import MODERATION_ROUTES
from producer.api.openai_image_operations import IMAGE_ROUTES
from producer.api.openai_operations import OPENAI_ROUTES
from producer.api.operations import (
    ERRORS,
    LIST_JOBS,
    LIVEZ,
    METRICS,
    READYZ,
    SEND_ARTIFACT,
    SEND_LINKED_ARTIFACT,
    SHOW_JOB,
    SUBMIT_JOB,
    Operation,
)
from producer.api.picture_action_operations import PICTURE_ACTION_ROUTES
from producer.api.privacy_operations import PRIVACY_ROUTES
from producer.api.refusals import (
    answer_error,
    answer_http_exception,
    answer_invalid_request,
)
from producer.api.responses_operations import RESPONSE_ROUTES
from producer.api.retry import retry_job
from producer.api.retry_operations import ACT_ON_JOBS, RETRY_JOB
from producer.api.review_operations import REVIEW_ROUTES
from producer.api.safety_operations import SAFETY_ROUTES
from producer.api.schedule_routes import SCHEDULE_ROUTES
from producer.api.services import Services
from producer.api.submission import submit_job
from producer.api.traced import Traced
from producer.api.verify import verify
from producer.api.verify_operations import VERIFY
from producer.api.webhook_delivery_routes import WEBHOOK_DELIVERY_ROUTES
from producer.api.webhook_endpoint_operations import SHOW_JWKS
from producer.api.webhook_endpoint_routes import WEBHOOK_ENDPOINT_ROUTES
from producer.api.webhook_jwks import show_jwks
from producer.openai.problems import in_openai_words
from schemas.errors import GenqError

Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]
TenantRoute = Callable[[Services, Tenant, Request], Awaitable[Response]]


class DirectRoute(APIRoute):
    """A route whose endpoint gets the request itself, without FastAPI's machinery around it."""

    def __init__(self, path: str, endpoint: Endpoint, **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self.app = _serve(endpoint)

    def to(self, endpoint: Endpoint) -> Self:
        """Return this route with another endpoint: FastAPI looks at none of them twice."""
        route = copy(self)
        route.endpoint = endpoint
        route.app = _serve(endpoint)
        return route

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Say at once which paths are others': a request asks up to 170 routes."""
        if not scope.get("root_path") and self.path_regex.match(scope["path"]) is None:
            return Match.NONE, {}
        return super().matches(scope)


def _serve(endpoint: Endpoint) -> ASGIApp:
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        response = await endpoint(Request(scope, receive, send))
        await response(scope, receive, send)

    return serve


class Api(FastAPI):
    """FastAPI with a complete document."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        # Shapes and examples that no request needs: a tenth of a second, for who asks for it.
        from producer.api import document_models  # noqa: PLC0415 - see above

        generated = super().openapi()
        if not document_models.is_complete(generated):
            document_models.complete(generated)
        return generated


def create_app(services: Services) -> FastAPI:
    """Return the application that serves ``services``."""
    app = Api(
        title="genq",
        summary="A self-hosted queue for generation jobs.",
        version=installed_version(),
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        servers=[{"url": services.public_url}],
        openapi_tags=document.TAGS,
        # FastAPI's documentation pages load scripts from a foreign server.
        docs_url=None,
        redoc_url=None,
        # A redirect would be built from the Host header, which anyone can write.
        redirect_slashes=False,
        # Asks three OpenTelemetry providers per request whether they are there.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        exception_handlers={
            GenqError: answer_error,
            HTTPException: answer_http_exception,
            RequestValidationError: answer_invalid_request,
        },
        routes=_routes(services),
    )
    app.state.public_url = services.public_url
    app.add_middleware(AccessLog, clock=services.clock, public_url=services.public_url)
    if TRACING.tracer is not None:
        app.add_middleware(Traced)
    return app


def _routes(services: Services) -> list[BaseRoute]:
    routes = [
        _drawn(operation).to(_of_tenant(services, operation, route))
        for operation, route in _TENANT_ROUTES
    ]
    of_all: list[tuple[Operation, Endpoint]] = [
        (LIVEZ, partial(livez, services)),
        (READYZ, partial(readyz, services)),
        (METRICS, partial(show_metrics, services, StatePage())),
        (ERRORS, show_errors),
        (SHOW_JWKS, partial(show_jwks, services)),
        (SEND_LINKED_ARTIFACT, partial(send_linked_artifact, services)),
        *((operation, partial(page, services)) for operation, page in CHAT_PAGES),
        *((operation, partial(hear, services)) for operation, hear in CHAT_ROUTES),
    ]
    return [*routes, *(_drawn(operation).to(endpoint) for operation, endpoint in of_all)]


_TENANT_ROUTES: Final[tuple[tuple[Operation, TenantRoute], ...]] = (
    (SUBMIT_JOB, submit_job),
    (SUBMIT_JOBS, submit_jobs),
    (LIST_JOBS, list_some_jobs),
    (SHOW_JOB, show_job),
    (CANCEL_JOB, cancel_job),
    (CANCEL_JOBS, cancel_jobs),
    (RETRY_JOB, retry_job),
    (ACT_ON_JOBS, act_on_jobs),
    (SEND_ARTIFACT, send_artifact),
    *GRID_ROUTES,
    (WATCH_JOB, watch_job),
    (SHOW_PREVIEW, show_preview),
    (READ_EVENTS, read_events),
    (LIST_DEAD_LETTERS, list_some_dead_letters),
    (GROUP_DEAD_LETTERS, group_all_dead_letters),
    (REDRIVE_DEAD_LETTERS, redrive_dead_letters),
    (SHOW_DEAD_LETTER, show_dead_letter),
    *SCHEDULE_ROUTES,
    (VERIFY, verify),
    *PICTURE_ACTION_ROUTES,
    *HASH_LIST_ROUTES,
    *ADMIN_ROUTES,
    *BUDGET_ROUTES,
    *CACHE_ROUTES,
    *CHAT_BINDING_ROUTES,
    *AUDIT_ROUTES,
    *PRIVACY_ROUTES,
    *MODERATION_ROUTES,
    *SAFETY_ROUTES,
    *REVIEW_ROUTES,
    *WEBHOOK_ENDPOINT_ROUTES,
    *WEBHOOK_DELIVERY_ROUTES,
    *BATCH_ROUTES,
    *FILE_ROUTES,
    *OPENAI_ROUTES,
    *IMAGE_ROUTES,
    *RESPONSE_ROUTES,
)


def _of_tenant(services: Services, operation: Operation, route: TenantRoute) -> Endpoint:
    needed = operation.needed_scope
    calls_per_minute = services.settings.calls_per_minute

    async def answer(request: Request) -> Response:
        caller = await services.keys.caller_of(request.headers.get("authorization"))
        request.scope[CALLER] = caller
        if caller.portal is None:
            await count_call(services.calls, calls_per_minute, caller.tenant, request)
            require(caller, needed)
        else:
            keep_to_portal(caller.portal, request, allowed=operation.portal)
            await count_visit(services.calls, caller.portal, request)
        with acting_as(caller.actor):
            return tell_rate(request, await route(services, caller.tenant, request))

    if not operation.openai:
        return answer
    return in_openai_words(services.book, answer, of_jobs=operation.tag == "openai")


@cache
def _drawn(operation: Operation) -> DirectRoute:
    """Return the route of an operation: drawn once, for every application of the process."""
    return DirectRoute(
        operation.path,
        _goes_nowhere,
        methods=[operation.method],
        name=operation.name,
        operation_id=operation.name,
        tags=[operation.tag],
        summary=operation.summary,
        description=operation.description,
        status_code=int(next(iter(operation.answers))),
        responses=operation.responses(),
        openapi_extra=operation.extra(),
        response_class=Response,
        response_model=None,
    )


async def _goes_nowhere(_request: Request) -> Response:
    raise NotImplementedError  # a drawn route serves only as a copy with an endpoint (to)

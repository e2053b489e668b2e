"""The route of moderation as the OpenAPI document tells of it."""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.tenants import Tenant
from producer.api.document import answer
from producer.api.json_body import JSON_BODY
from producer.api.moderations import moderate
from producer.api.operations import Operation
from producer.api.services import Services
from schemas.scopes import KeyScope

_Route = Callable[[Services, Tenant, Request], Awaitable[Response]]

CREATE_MODERATION: Final = Operation(
    name="create_moderation",
    method="POST",
    path="/v1/moderations",
    summary="Judge texts and pictures",
    description="OpenAI's moderation, by the tenant's policy; `genq` has all of the verdict. "
    "A list of texts has a result each, a list of parts has one. Nothing is kept.",
    tag="safety",
    openai=True,
    body="ModerationRequest",
    scope=KeyScope.JOBS_READ,
    answers={200: answer("A verdict on each input.", "ModerationView")} | JSON_BODY,
)

MODERATION_ROUTES: Final[tuple[tuple[Operation, _Route], ...]] = (
    (CREATE_MODERATION, moderate),
)

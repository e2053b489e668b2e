"""The route of moderation: judges what it is given, keeps nothing of it."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.tenants import Tenant
from producer.api.bodies import encode, read_json
from producer.api.services import Services
from producer.moderation_answer import moderation_answer

_JSON: Final = "application/json"


async def moderate(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with a verdict on each input, by the tenant's policy."""
    settings = services.settings
    body: Any = await read_json(request, settings.max_body_bytes)
    answer = await moderation_answer(
        services.moderation, tenant, body, max_prompt_chars=settings.max_prompt_chars
    )
    return Response(encode(answer), 200, {"cache-control": "no-store"}, _JSON)

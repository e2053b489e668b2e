"""The routes of OpenAI's endpoints that jobs come in by: what they take, and who answers."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.tenants import Tenant
from producer.api.bodies import read_json
from producer.api.services import Services
from producer.openai.endpoints import CALLS
from producer.openai.hold import held_answer
from producer.openai.speech import Speech
from producer.openai.streams import stream_of
from schemas.errors import InputError

Route = Callable[[Services, Tenant, Request], Awaitable[Response]]


def route_of(path: str) -> Route:
    """Return the route of the endpoint at ``path``, whose bodies are JSON."""
    endpoint: Final = CALLS[path]

    async def answer_call(services: Services, tenant: Tenant, request: Request) -> Response:
        body: Any = await read_json(request, services.settings.max_body_bytes)
        if not isinstance(body, dict):
            raise InputError('the body must be an object, such as {"model": …}')
        asked = cast("dict[str, Any]", body)
        if not isinstance(endpoint, Speech) and (streamed := stream_of(endpoint, asked)):
            return await streamed(services, tenant, request, endpoint, asked)
        return await held_answer(services, tenant, request, endpoint, asked)

    return answer_call

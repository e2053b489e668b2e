"""The routes that chat platforms call: signed by them, and answered with finished bytes."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from producer.api.bodies import read_body
from producer.api.services import Services
from schemas.chat import Platform
from schemas.chat_errors import ChatNotConfiguredError

MOST_BYTES: Final = 1 << 20
"""Of a request; what platforms send has some kilobytes."""


async def hear(services: Services, platform: Platform, request: Request) -> Response:
    """Answer one request of a chat platform.

    Raises:
        ChatNotConfiguredError: There is no bot of this platform.
        PayloadTooLargeError: It has more than a MiB.
        ChatUnauthorizedError: The platform did not sign it.
        ChatUnreadableError: It is signed, and not what the platform documents.
    """
    if services.chat is None:
        raise ChatNotConfiguredError(f"no {platform} bot is configured on this server")
    body = await read_body(request, MOST_BYTES)
    # Of a header that comes twice both are kept apart: one that is odd is refused then.
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    answer = await services.chat.answer(platform, headers, body)
    content_type = answer.content_type if answer.body else None
    return Response(
        answer.body, int(answer.status), {"cache-control": "no-store"}, content_type
    )

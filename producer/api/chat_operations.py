"""The routes of chat platforms as the OpenAPI document tells of them."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from producer.api.chat import hear
from producer.api.document import CODES, problems
from producer.api.operations import Answers, Operation
from producer.api.services import Services
from schemas.chat import Platform
from schemas.chat_errors import (
    ChatNotConfiguredError,
    ChatUnauthorizedError,
    ChatUnreadableError,
)

OpenRoute = Callable[[Services, Request], Coroutine[Any, Any, Response]]

_SIGNED: Final = {
    Platform.DISCORD: "Ed25519 by the application's public key: X-Signature-Ed25519 and "
    "X-Signature-Timestamp.",
    Platform.SLACK: "HMAC-SHA256 by the signing secret: X-Slack-Signature and "
    "X-Slack-Request-Timestamp, not older than five minutes.",
    Platform.TELEGRAM: "the webhook's secret in X-Telegram-Bot-Api-Secret-Token.",
}
_BODIES: Final = {
    Platform.DISCORD: "application/json",
    Platform.SLACK: "application/x-www-form-urlencoded",
    Platform.TELEGRAM: "application/json",
}
_OBJECT: Final[dict[str, Any]] = {"schema": {"type": "object"}}


def _refusals() -> Answers:
    told = problems(
        _400="It is signed, and not what the platform documents.",
        _401="The platform did not sign it.",
        _404="There is no bot of this platform.",
        _413="The body is too large.",
    )
    told[400][CODES] = [ChatUnreadableError.code]
    told[401][CODES] = [ChatUnauthorizedError.code]
    told[404][CODES] = [ChatNotConfiguredError.code]
    return told


def _hears(platform: Platform) -> Operation:
    return Operation(
        name=f"hear_{platform}",
        method="POST",
        path=f"/chat/{platform}",
        tag="chat",
        summary=f"What {platform.capitalize()} calls",
        description=f"Only the platform calls it, signed: {_SIGNED[platform]} Its commands and "
        "presses are answered within two seconds; a repetition gets the first answer again.",
        raw_body=_BODIES[platform],
        answers={
            200: {
                "description": "What the platform is to do.",
                "content": {"application/json": _OBJECT},
            },
            **_refusals(),
        },
    )


def _door_of(platform: Platform) -> OpenRoute:
    async def route(services: Services, request: Request) -> Response:
        return await hear(services, platform, request)

    return route


CHAT_ROUTES: Final[Sequence[tuple[Operation, OpenRoute]]] = tuple(
    (_hears(platform), _door_of(platform)) for platform in Platform
)

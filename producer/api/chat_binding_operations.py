"""The routes of chat bindings and bots as the OpenAPI document tells of them."""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.tenants import Tenant
from producer.api.chat_bindings import (
    delete_binding,
    list_bindings,
    list_bots,
    put_binding,
    resume_binding,
    resume_bot,
    show_binding,
)
from producer.api.document import answer, parameter, problems
from producer.api.json_body import JSON_BODY
from producer.api.operations import Operation
from producer.api.pages import DEFAULT_LIMIT, LARGEST_LIMIT
from producer.api.services import Services
from schemas.chat import Platform
from schemas.scopes import KeyScope

_Route = Callable[[Services, Tenant, Request], Awaitable[Response]]

_BINDINGS: Final = "/v1/chat/bindings"
_BINDING: Final = f"{_BINDINGS}/{{binding_id}}"
_BOTS: Final = "/v1/chat/bots"
_ID: Final = parameter(
    "path", "binding_id", "The binding's id, chb_…", pattern="^chb_[0-9a-z]{26}$"
)
_UNKNOWN: Final = problems(_404="There is no such binding.")
_VIEW: Final = {200: answer("The binding.", "ChatBindingView")}

LIST_BINDINGS: Final = Operation(
    name="list_chat_bindings",
    path=_BINDINGS,
    summary="List chat bindings",
    description="Which tenant makes the jobs of which place or person, newest first.",
    tag="admin",
    scope=KeyScope.ADMIN,
    parameters=[
        parameter(
            "query",
            "limit",
            "How many bindings.",
            type="integer",
            minimum=1,
            maximum=LARGEST_LIMIT,
            default=DEFAULT_LIMIT,
        ),
        parameter("query", "after", "The 'next' of the page before."),
        parameter("query", "platform", "Only there.", enum=list(Platform)),
        parameter("query", "tenant", "Only to this tenant."),
    ],
    answers={200: answer("One page of bindings.", "ChatBindingPage", headers=("Link",))}
    | problems(_400="A query parameter is wrong.", _404="There is no such tenant."),
)
PUT_BINDING: Final = Operation(
    name="put_chat_binding",
    method="PUT",
    path=_BINDINGS,
    summary="Bind a place or a person to a tenant",
    description="A Discord server, a Slack workspace, a Telegram chat; or one person, in it or "
    "anywhere, who comes before the place. The whole binding with its rules: one that is "
    "there is replaced, and not paused any more. It counts from the next command on.",
    tag="admin",
    scope=KeyScope.ADMIN,
    body="ChatBindingRequest",
    answers=_VIEW | JSON_BODY,
)
SHOW_BINDING: Final = Operation(
    name="get_chat_binding",
    path=_BINDING,
    summary="Look at a chat binding",
    description="Whose jobs are made there, by which rules, and whether it is paused.",
    tag="admin",
    scope=KeyScope.ADMIN,
    parameters=[_ID],
    answers=_VIEW | _UNKNOWN,
)
DELETE_BINDING: Final = Operation(
    name="delete_chat_binding",
    method="DELETE",
    path=_BINDING,
    summary="Take a chat binding away",
    description="The bot makes nothing there any more. Jobs that were accepted go on.",
    tag="admin",
    scope=KeyScope.ADMIN,
    parameters=[_ID],
    answers={204: {"description": "It is gone."}, **_UNKNOWN},
)
RESUME_BINDING: Final = Operation(
    name="resume_chat_binding",
    method="POST",
    path=f"{_BINDING}/resume",
    summary="Resume a paused chat binding",
    description="One is paused when the bot is removed from the place.",
    tag="admin",
    scope=KeyScope.ADMIN,
    parameters=[_ID],
    answers=_VIEW | _UNKNOWN,
)
LIST_BOTS: Final = Operation(
    name="list_chat_bots",
    path=_BOTS,
    summary="Look at the bots",
    description="Of each platform: whether there is a bot, and whether it may speak.",
    tag="admin",
    scope=KeyScope.ADMIN,
    answers={200: answer("The bots.", "ChatBotList")},
)
RESUME_BOT: Final = Operation(
    name="resume_chat_bot",
    method="POST",
    path=f"{_BOTS}/{{platform}}/resume",
    summary="Resume a stopped bot",
    description="One stops when its platform refuses its token; a new token resumes it too.",
    tag="admin",
    scope=KeyScope.ADMIN,
    parameters=[parameter("path", "platform", "Whose bot.", enum=list(Platform))],
    answers={200: answer("The bot.", "ChatBotView")}
    | problems(_404="There is no such platform."),
)

CHAT_BINDING_ROUTES: Final[tuple[tuple[Operation, _Route], ...]] = (
    (LIST_BINDINGS, list_bindings),
    (PUT_BINDING, put_binding),
    (SHOW_BINDING, show_binding),
    (DELETE_BINDING, delete_binding),
    (RESUME_BINDING, resume_binding),
    (LIST_BOTS, list_bots),
    (RESUME_BOT, resume_bot),
)

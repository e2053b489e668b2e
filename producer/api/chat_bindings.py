"""The routes of chat bindings and bots, for operators."""

from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.chat_bots import ChatBot
from infra.postgres.tenants import Tenant
from producer.api.bodies import check, encode, read_json
from producer.api.keyset import PRIVATE, page, read_query
from producer.api.pages import DEFAULT_LIMIT, LARGEST_LIMIT
from producer.api.services import Services
from producer.chat.binding_desk import BindingDesk, Bound
from producer.chat.bots import bot_view
from schemas.chat import Platform
from schemas.chat_binding import ChatBinding
from schemas.chat_binding_views import ChatBindingRequest, binding_id, binding_view
from schemas.errors import FieldError, InputError, NotFoundError
from schemas.ids import InvalidIdError, parse_id
from schemas.shape import Shape

_JSON: Final = "application/json"


class BindingsQuery(Shape):
    """Which page of bindings; ``after`` is the last binding of the page before."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=LARGEST_LIMIT)] = DEFAULT_LIMIT
    after: str | None = None
    platform: Platform | None = None
    tenant: Annotated[str, Field(max_length=400, pattern=r"^[^\x00]*$")] | None = None


async def list_bindings(services: Services, _tenant: Tenant, request: Request) -> Response:
    """Answer with one page of bindings, newest first."""
    query = read_query(BindingsQuery, request)
    # One more than wanted tells whether there is a next page.
    found = await desk_of(services).page(
        limit=query.limit + 1,
        platform=query.platform,
        tenant=query.tenant,
        before=None if query.after is None else _cursor(query.after),
    )
    shown = found[: query.limit]
    following = binding_id(shown[-1].id) if len(found) > query.limit else None
    return page(services, request, [binding_view(one) for one in shown], following)


async def put_binding(services: Services, _tenant: Tenant, request: Request) -> Response:
    """Bind a place or a person; all that was said of them before is replaced."""
    body: Any = await read_json(request, services.settings.max_body_bytes)
    wanted = check(ChatBindingRequest, body)
    bound = Bound(wanted.platform, wanted.place, wanted.user)
    try:
        made = await desk_of(services).put(bound, wanted.tenant, lambda _: wanted.rules)
    except NotFoundError as error:
        fault = FieldError("/tenant", error.message)
        raise InputError(error.message, fields=[fault]) from None
    return _answer(made)


async def show_binding(services: Services, _tenant: Tenant, request: Request) -> Response:
    """Answer with one binding."""
    return _answer(await desk_of(services).get(_key(request)))


async def delete_binding(services: Services, _tenant: Tenant, request: Request) -> Response:
    """Unbind: 204."""
    await desk_of(services).delete(_key(request))
    return Response(None, 204)


async def resume_binding(services: Services, _tenant: Tenant, request: Request) -> Response:
    """Serve there again; answer with the binding."""
    return _answer(await desk_of(services).resume(_key(request)))


async def list_bots(services: Services, _tenant: Tenant, _request: Request) -> Response:
    """Answer with how the bots of all platforms stand."""
    known = await desk_of(services).bots()
    data = [_bot(services, platform, known.get(platform)) for platform in Platform]
    return Response(encode({"object": "list", "data": data}), 200, PRIVATE, _JSON)


async def resume_bot(services: Services, _tenant: Tenant, request: Request) -> Response:
    """Let a bot that was stopped or paused speak again; answer with it."""
    named: str = request.path_params["platform"]
    if named not in set(Platform):
        raise NotFoundError(
            f"there is no platform {named[:32]}; there is {', '.join(Platform)}"
        )
    platform = Platform(named)
    desk = desk_of(services)
    await desk.resume_bot(platform)
    known = await desk.bots()
    view = _bot(services, platform, known.get(platform))
    return Response(encode(view), 200, PRIVATE, _JSON)


def desk_of(services: Services) -> BindingDesk:
    """Return what looks at and changes bindings."""
    return BindingDesk(services.engine, services.doorbells)


def _bot(services: Services, platform: Platform, known: ChatBot | None) -> dict[str, Any]:
    return bot_view(services.settings, platform, known, services.clock.now())


def _key(request: Request) -> UUID:
    shown: str = request.path_params["binding_id"]
    try:
        return parse_id("chb", shown)
    except InvalidIdError as error:
        raise NotFoundError(
            f"there is no chat binding {shown[:64]}; of a binding's id: {error}"
        ) from None


def _cursor(after: str) -> UUID:
    try:
        return parse_id("chb", after)
    except InvalidIdError as error:
        fault = FieldError("/query/after", str(error))
        raise InputError("the query is not acceptable", fields=[fault]) from None


def _answer(binding: ChatBinding) -> Response:
    return Response(encode(binding_view(binding)), 200, PRIVATE, _JSON)

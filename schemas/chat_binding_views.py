"""Bindings of chats, and bots, as operators ask for them and see them."""

import re
from typing import Annotated, Any, Final, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from schemas.chat import Platform
from schemas.chat_binding import ChatBinding, ChatRules
from schemas.ids import format_id
from schemas.job import iso_ms
from schemas.shape import Shape

_SERVER: Final = "41771983423143937"
_DIGITS: Final = (r"[0-9]{1,20}", f"digits, such as {_SERVER}")
_SLACK: Final = (r"[A-Z0-9]{2,32}", "capitals and digits")
# Per platform how ids of places and of people are written, and what to say of them.
_PLACES: Final = {
    Platform.DISCORD: (*_DIGITS, "Developer Mode, then Copy Server ID"),
    Platform.SLACK: (*_SLACK, "the workspace's T…, in its address in a browser"),
    Platform.TELEGRAM: (r"-?[0-9]{1,20}", "a number", "the chat's; of groups it is negative"),
}
_USERS: Final = {
    Platform.DISCORD: (*_DIGITS, "Developer Mode, then Copy User ID"),
    Platform.SLACK: (*_SLACK, "U…: the profile's Copy member ID"),
    Platform.TELEGRAM: (*_DIGITS, "a number, not the @name"),
}
_ChatId = Annotated[str, Field(max_length=64, pattern=r"^-?[0-9A-Za-z]*$")]


class ChatBindingRequest(Shape):
    """The body of ``PUT /v1/chat/bindings``: whose jobs are made somewhere, or by somebody.

    Attributes:
        place: A Discord server, a Slack workspace, a Telegram chat; empty: anywhere.
        user: Only this person; empty: everybody in the place.
        tenant: Whose jobs they are, and whose limits and budgets hold.
        rules: All of them: what is left out is as the settings say.
    """

    model_config = ConfigDict(extra="forbid")

    platform: Platform
    place: Annotated[_ChatId, Field(json_schema_extra={"example": _SERVER})] = ""
    user: _ChatId = ""
    tenant: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00]*$")]
    rules: ChatRules = ChatRules()

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        fault = ids_fault(self.platform, self.place, self.user)
        if fault is not None:
            raise ValueError(fault)
        return self


class ChatRulesView(Shape):
    """The rules of a binding; ``null`` is what the settings, or the tenant's plan, say."""

    lanes: list[str] | None
    models: dict[str, str]
    press_by: Literal["owner", "anyone"] | None
    channels: list[str] | None
    channels_denied: list[str]
    max_jobs: int | None


class ChatBindingView(Shape):
    """A binding in answers.

    Attributes:
        place: ``null``: the person wherever they are.
        user: ``null``: everybody in the place.
        paused_at: Since then nothing is made or sent there; ``paused_reason`` says why.
    """

    id: str
    object: Literal["chat_binding"]
    platform: Platform
    place: str | None
    user: str | None
    tenant: str
    rules: ChatRulesView
    paused_at: str | None
    paused_reason: str | None
    created_at: str
    updated_at: str


class ChatBindingPage(Shape):
    """One page of bindings, newest first. ``next`` goes into ``after``."""

    object: Literal["list"]
    data: list[ChatBindingView]
    has_more: bool
    next: str | None


class ChatBotView(Shape):
    """A bot in answers.

    Attributes:
        configured: This API process knows its secrets.
        state: ``stopped``: its token was refused, and nothing is sent until another one is
            configured or it is resumed. ``paused``: its platform asked for rest until
            ``paused_until``.
        reason: Why it is stopped.
    """

    object: Literal["chat_bot"]
    platform: Platform
    configured: bool
    state: Literal["on", "paused", "stopped"]
    stopped_at: str | None
    paused_until: str | None
    reason: str | None


class ChatBotList(Shape):
    """The bots of the three platforms."""

    object: Literal["list"]
    data: list[ChatBotView]


class ChatLinkForm(Shape):
    """The form of the page that links a place or a person: a key of the wanted tenant."""

    key: Annotated[str, Field(min_length=1, max_length=200)]


BINDING_REQUESTS: Final = (ChatBindingRequest, ChatLinkForm)
BINDING_VIEWS: Final = (ChatBindingView, ChatBindingPage, ChatBotView, ChatBotList)


def ids_fault(platform: Platform, place: str, user: str) -> str | None:
    """Return why these are no ids of the platform; ``None``: they can be."""
    if not place and not user:
        return "say which place, which user, or both"
    for what, written, known in (("place", place, _PLACES), ("user", user, _USERS)):
        pattern, shape, where = known[platform]
        if written and re.fullmatch(pattern, written) is None:
            return f"{what}: {platform.capitalize()} writes it as {shape} ({where})"
    return None


def binding_id(key: UUID) -> str:
    """Return the public id of a binding."""
    return format_id("chb", key)


def binding_view(binding: ChatBinding) -> dict[str, Any]:
    """Return the JSON form of a binding: exactly the fields of ``ChatBindingView``."""
    return {
        "id": binding_id(binding.id),
        "object": "chat_binding",
        "platform": binding.platform.value,
        "place": binding.place_id or None,
        "user": binding.user_id or None,
        "tenant": binding.tenant,
        "rules": binding.rules.model_dump(mode="json"),
        "paused_at": iso_ms(binding.paused_at) if binding.paused_at else None,
        "paused_reason": binding.paused_reason,
        "created_at": iso_ms(binding.created_at),
        "updated_at": iso_ms(binding.updated_at),
    }

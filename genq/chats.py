"""Whom the bots serve: ``client.chats`` of ``Genq`` and ``AsyncGenq``, for operators."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypedDict, Unpack

from genq.async_transport import AsyncTransport
from genq.calls import Call, Exchange, found_in, good, place, query_of, sending
from genq.errors import ConfigurationError
from genq.json_fields import Fields
from genq.models import Json
from genq.transport import Transport

_BINDINGS: Final = "/v1/chat/bindings"
_BOTS: Final = "/v1/chat/bots"
_PLATFORMS: Final = ("discord", "slack", "telegram")


class ChatRules(TypedDict, total=False):
    """The rules of a binding; what is left out is as the settings, or the plan, say.

    ``lanes`` are those allowed, the usual one first; ``models`` the usual one by command;
    ``press_by`` is ``owner`` or ``anyone``; ``channels`` are ids of the only ones it serves,
    ``channels_denied`` of those it does not; ``max_jobs`` are unfinished ones of one person.
    """

    lanes: Sequence[str] | None
    models: Mapping[str, str]
    press_by: str | None
    channels: Sequence[str] | None
    channels_denied: Sequence[str]
    max_jobs: int | None


@dataclass(frozen=True, slots=True)
class ChatBinding:
    """Whose jobs are made somewhere. Times are aware UTC; ``raw`` is the answer as it came.

    Attributes:
        place: A Discord server, a Slack workspace, a Telegram chat; ``None``: anywhere.
        user: One person; ``None``: everybody in the place.
        rules: As ``ChatRules`` names them.
        paused_at: Since then nothing is made or sent there; ``paused_reason`` says why.
    """

    id: str
    platform: str
    tenant: str
    created_at: datetime
    updated_at: datetime
    place: str | None = None
    user: str | None = None
    rules: Json = field(default_factory=dict[str, object])
    paused_at: datetime | None = None
    paused_reason: str | None = None
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class ChatBot:
    """How the bot of a platform stands.

    Attributes:
        configured: The API process that answered knows its secrets.
        state: ``on``, ``paused`` (its platform asked for rest) or ``stopped`` (its token was
            refused, ``reason`` says how).
    """

    platform: str
    configured: bool
    state: str
    stopped_at: datetime | None = None
    paused_until: datetime | None = None
    reason: str | None = None
    raw: Json = field(default_factory=dict[str, object], repr=False, compare=False)


class Chats:
    """Bindings of chats to tenants, and the bots; for keys with the scope admin."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self, *, platform: str | None = None, tenant: str | None = None
    ) -> Iterator[ChatBinding]:
        """Yield bindings, newest first, page by page.

        Raises:
            NotFoundError: There is no such tenant.
        """
        cursor: str | None = None
        while True:
            page, cursor = self._transport.run(_page(platform, tenant, cursor))
            yield from page
            if cursor is None:
                return

    def bind(
        self,
        platform: str,
        tenant: str,
        *,
        place: str | None = None,
        user: str | None = None,
        **rules: Unpack[ChatRules],
    ) -> ChatBinding:
        """Bind a place, one person in it, or one person anywhere.

        A binding of just this that is there is replaced, rules and all, and goes on if it was
        paused.

        Args:
            platform: ``discord``, ``slack`` or ``telegram``.
            tenant: Whose jobs they are.
            place: The id of a server, a workspace, a chat.
            user: The id of one person.
            rules: ``lanes=["fast", "relax"]``, ``max_jobs=5``, ``press_by="owner"``…

        Raises:
            InvalidRequestError: No such tenant, no id of the platform, or a wrong rule.
        """
        return self._transport.run(_bind(platform, tenant, place, user, rules))

    def get(self, binding_id: str) -> ChatBinding:
        """Return one binding."""
        return self._transport.run(_one("GET", binding_id))

    def unbind(self, binding_id: str) -> None:
        """Take a binding away; jobs that were accepted go on."""
        self._transport.run(_unbind(binding_id))

    def resume(self, binding_id: str) -> ChatBinding:
        """Let a paused binding go on."""
        return self._transport.run(_one("POST", binding_id, "/resume"))

    def bots(self) -> tuple[ChatBot, ...]:
        """Return how the bots of all platforms stand."""
        return self._transport.run(_bots())

    def resume_bot(self, platform: str) -> ChatBot:
        """Let a stopped bot go on."""
        return self._transport.run(_resume_bot(platform))


class AsyncChats:
    """The same for ``AsyncGenq``; arguments and errors are those of ``Chats``."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def list(
        self, *, platform: str | None = None, tenant: str | None = None
    ) -> AsyncIterator[ChatBinding]:
        """Yield bindings, newest first, page by page."""
        cursor: str | None = None
        while True:
            page, cursor = await self._transport.run(_page(platform, tenant, cursor))
            for one in page:
                yield one
            if cursor is None:
                return

    async def bind(
        self,
        platform: str,
        tenant: str,
        *,
        place: str | None = None,
        user: str | None = None,
        **rules: Unpack[ChatRules],
    ) -> ChatBinding:
        """Bind a place, one person in it, or one person anywhere."""
        return await self._transport.run(_bind(platform, tenant, place, user, rules))

    async def get(self, binding_id: str) -> ChatBinding:
        """Return one binding."""
        return await self._transport.run(_one("GET", binding_id))

    async def unbind(self, binding_id: str) -> None:
        """Take a binding away; jobs that were accepted go on."""
        await self._transport.run(_unbind(binding_id))

    async def resume(self, binding_id: str) -> ChatBinding:
        """Let a paused binding go on."""
        return await self._transport.run(_one("POST", binding_id, "/resume"))

    async def bots(self) -> tuple[ChatBot, ...]:
        """Return how the bots of all platforms stand."""
        return await self._transport.run(_bots())

    async def resume_bot(self, platform: str) -> ChatBot:
        """Let a stopped bot go on."""
        return await self._transport.run(_resume_bot(platform))


def _page(
    platform: str | None, tenant: str | None, after: str | None
) -> Exchange[tuple[tuple[ChatBinding, ...], str | None]]:
    query = query_of({"platform": platform, "tenant": tenant, "after": after})
    fields = Fields(found_in((yield Call("GET", _BINDINGS, query=query))), "list")
    return tuple(_binding(part) for part in fields.parts("data")), fields.maybe_text("next")


def _bind(
    platform: str, tenant: str, place_id: str | None, user: str | None, rules: ChatRules
) -> Exchange[ChatBinding]:
    body = {
        "platform": platform,
        "tenant": tenant,
        "place": place_id,
        "user": user,
        "rules": rules,
    }
    answer = yield sending("PUT", _BINDINGS, body, "the binding")
    return _binding(Fields(found_in(answer), "chat binding"))


def _one(method: str, binding_id: str, what: str = "") -> Exchange[ChatBinding]:
    # Resuming twice is doing it once.
    call = Call(method, place("chb_", binding_id, _BINDINGS) + what, repeatable=True)
    return _binding(Fields(found_in((yield call)), "chat binding"))


def _unbind(binding_id: str) -> Exchange[None]:
    good((yield Call("DELETE", place("chb_", binding_id, _BINDINGS))))


def _bots() -> Exchange[tuple[ChatBot, ...]]:
    fields = Fields(found_in((yield Call("GET", _BOTS))), "list")
    return tuple(_bot(part) for part in fields.parts("data"))


def _resume_bot(platform: str) -> Exchange[ChatBot]:
    if platform not in _PLATFORMS:
        raise ConfigurationError(f"{platform!r} is none of {', '.join(_PLATFORMS)}")
    answer = yield Call("POST", f"{_BOTS}/{platform}/resume", repeatable=True)
    return _bot(Fields(found_in(answer), "chat bot"))


def _binding(fields: Fields) -> ChatBinding:
    return ChatBinding(
        id=fields.text("id"),
        platform=fields.text("platform"),
        tenant=fields.text("tenant"),
        created_at=fields.moment("created_at"),
        updated_at=fields.moment("updated_at"),
        place=fields.maybe_text("place"),
        user=fields.maybe_text("user"),
        rules=fields.mapping("rules"),
        paused_at=fields.maybe_moment("paused_at"),
        paused_reason=fields.maybe_text("paused_reason"),
        raw=fields.found,
    )


def _bot(fields: Fields) -> ChatBot:
    return ChatBot(
        platform=fields.text("platform"),
        configured=fields.found.get("configured") is True,
        state=fields.text("state"),
        stopped_at=fields.maybe_moment("stopped_at"),
        paused_until=fields.maybe_moment("paused_until"),
        reason=fields.maybe_text("reason"),
        raw=fields.found,
    )

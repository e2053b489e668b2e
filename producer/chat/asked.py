"""What commands and presses are given: who asks for what, and what there is to work with."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.chat.adapter import ChatAdapter, ChatHttp
from infra.clock import Clock
from infra.objectstore.store import ObjectStore
from infra.postgres.chat_people import Person
from infra.postgres.tenants import Tenant
from infra.settings import Settings
from producer.cancel import Canceller
from producer.chat.binding_desk import BindingDesk
from producer.chat.page_links import PageLinks
from producer.reviews.appeals import Appeals
from producer.submit import Submitter
from schemas.chat import Platform
from schemas.chat_binding import ChatRules
from schemas.chat_inbound import Command, Press
from schemas.chat_view import ChatAnswer, Notice, Reply, Tell, Tone
from schemas.lanes import DEFAULT_LANE, Lane

# Nobody waits in a chat for what may take a day.
_LANES: Final = (DEFAULT_LANE, Lane.TURBO, Lane.RELAX)

# Pictures that this process holds in memory at once, on their way from a platform to the store.
_FETCHED_AT_ONCE: Final = 4

HeardT = TypeVar("HeardT", Command, Press)


@dataclass(frozen=True, slots=True)
class ChatMeans:
    """What there is to work with: made once per process.

    Attributes:
        engine: One statement is a transaction.
        whole: Whatever is in one transaction is seen as one.
        fetching: Room for pictures that are fetched here, all people's together.
    """

    settings: Settings
    clock: Clock
    engine: AsyncEngine
    whole: AsyncEngine
    store: ObjectStore
    submitter: Submitter
    canceller: Canceller
    appeals: Appeals
    pages: PageLinks
    desk: BindingDesk
    http: ChatHttp
    fetching: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(_FETCHED_AT_ONCE)
    )

    @property
    def public_url(self) -> str:
        """Where people reach the API, without a final slash."""
        return self.settings.public_url.rstrip("/")


@dataclass(slots=True)
class Turn:
    """One request while it is worked on.

    Attributes:
        deferred: Its time is up: it was answered that it is being worked on.
        counted: It is one of those that its person may ask within a minute.
        stored: The files that its pictures became, by the platform's ids: when it is tried
            again, they are not fetched again.
    """

    deferred: bool = False
    counted: bool = False
    stored: dict[str, UUID] = field(default_factory=dict[str, UUID])


@dataclass(frozen=True, slots=True)
class Asked(Generic[HeardT]):
    """A request of somebody who may ask.

    Attributes:
        heard: What was asked.
        tenant: Whose jobs are made.
        rules: What holds in the place, or for the person.
        bound: Somebody bound it; else it is the tenant of all that are bound to none.
    """

    heard: HeardT
    tenant: Tenant
    rules: ChatRules
    adapter: ChatAdapter = field(repr=False)
    turn: Turn
    bound: bool = True

    @property
    def person(self) -> Person:
        """Who asks, within the tenant."""
        return Person(self.tenant.id, self.heard.platform, self.heard.user.id)

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """The lanes that may be asked for; the first one is taken where none is."""
        allowed = self.tenant.allowed_lanes
        wanted = self.rules.lanes or _LANES
        return tuple(lane for lane in wanted if allowed is None or lane in allowed)

    def model(self, command: str) -> str | None:
        """Return the model that a command takes here, if one is named for it."""
        return self.rules.models.get(command)


@dataclass(frozen=True, slots=True)
class Opened:
    """A job was made, or is the one that the same request made before.

    Attributes:
        answer: To the platform; its repetitions get the same.
        reply: What the answer says; ``None``: it is a repetition.
        posted_later: The delivery process brings the message.
    """

    answer: ChatAnswer
    reply: Reply | None
    posted_later: bool


Outcome = Reply | Opened
Adapters = Mapping[Platform, ChatAdapter]


def tell(title: str, text: str, tone: Tone = Tone.INFO) -> Tell:
    """Return words for the one who asked."""
    return Tell(Notice(title, text, tone))

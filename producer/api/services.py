"""What the routes work with: made once per process, handed to each of them."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.call_gate import CallGate
from infra.clock import Clock, SystemClock
from infra.doorbells import Doorbells
from infra.objectstore.opening import open_store
from infra.objectstore.store import ObjectStore
from infra.postgres.engine import close_engine, create_engine, single_statements
from infra.progress import ProgressLine
from infra.provenance.opening import open_credentials, open_marker
from infra.provenance.sheets import Grids
from infra.safety.moderation import Moderation
from infra.settings import Settings
from producer.api.auth import KeyRing
from producer.api.feed_tails import FeedTails
from producer.api.live import LiveJobs
from producer.api.waiters import Waiters
from producer.moderation import SubmitChecks, open_checks
from producer.openai.call_book import CallBook
from producer.openai.links import ArtifactLinks
from producer.openai.picture_door import PictureDoor
from producer.report_places import ReportPlaces
from producer.search_places import SearchPlaces
from producer.submit import Submitter
from producer.verification import Verifier
from schemas.policy_limits import Limits

if TYPE_CHECKING:
    from producer.chat.door import ChatDoor


@dataclass(frozen=True, slots=True)
class Services:
    """The long-lived parts of one API process."""

    settings: Settings
    clock: Clock
    engine: AsyncEngine
    doorbells: Doorbells
    store: ObjectStore
    submitter: Submitter
    keys: KeyRing
    calls: CallGate
    searches: SearchPlaces
    waiters: Waiters
    live: LiveJobs
    feeds: FeedTails
    progress: ProgressLine
    moderation: Moderation
    verifier: Verifier
    links: ArtifactLinks
    pictures: PictureDoor
    grids: Grids
    reports: ReportPlaces
    book: CallBook
    chat: "ChatDoor | None" = None

    @property
    def public_url(self) -> str:
        """Where clients reach the API, without a final slash."""
        return self.settings.public_url.rstrip("/")


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncGenerator[Services]:
    """Make the services of one process; close them, last made first, at the end.

    Servers need not be up: connections are made when first used.
    """
    async with AsyncExitStack() as stack:
        clock = SystemClock()
        engine = _open_engine(stack, settings)
        store = open_store(settings)
        stack.push_async_callback(store.close)
        doorbells = await stack.enter_async_context(Doorbells(settings.doorbell_url()))
        checks = await _open_checks(stack, settings, engine, clock)
        submitter = Submitter(engine, settings, doorbells, clock, checks)
        stack.push_async_callback(submitter.close)
        progress = ProgressLine(settings.doorbell_url())
        stack.push_async_callback(progress.close)
        watched = LiveJobs(engine, settings, doorbells, progress, clock)
        live, feeds, waiters = await _open_listeners(stack, engine, doorbells, watched)
        keys, book, calls = _open_doors(stack, settings, engine, clock)
        services = Services(
            settings=settings,
            clock=clock,
            engine=engine,
            doorbells=doorbells,
            store=store,
            submitter=submitter,
            keys=keys,
            calls=calls,
            searches=SearchPlaces(settings.database_pool_size),
            waiters=waiters,
            live=live,
            feeds=feeds,
            progress=progress,
            moderation=checks.moderation,
            verifier=Verifier(engine, open_credentials(settings), Limits()),
            pictures=PictureDoor(),
            grids=_grids(settings, store, clock),
            reports=ReportPlaces(engine, settings.database_pool_size),
            links=_links(settings, clock),
            book=book,
        )
        yield await _with_chat(stack, services)


async def _with_chat(stack: AsyncExitStack, services: Services) -> Services:
    """Return the services with the door of chats, if there is a bot; else import nothing."""
    settings = services.settings
    bots = (settings.discord_bot_token, settings.slack_bot_token, settings.telegram_bot_token)
    if not any(bots):
        return services
    from producer.chat.entrance import open_door  # noqa: PLC0415 - see above

    return replace(services, chat=await stack.enter_async_context(open_door(services)))


def _open_engine(stack: AsyncExitStack, settings: Settings) -> AsyncEngine:
    pool = create_engine(settings, process="api", hasty=True)
    stack.push_async_callback(close_engine, pool)
    # Every route is one statement, or several that only read.
    return single_statements(pool)


def _open_doors(
    stack: AsyncExitStack, settings: Settings, engine: AsyncEngine, clock: Clock
) -> tuple[KeyRing, CallBook, CallGate]:
    keys = KeyRing(engine, settings.key_pepper.get_secret_value(), clock)
    stack.push_async_callback(keys.close)
    book = CallBook(engine, clock)
    stack.push_async_callback(book.close)
    calls = CallGate(settings.doorbell_url())
    stack.push_async_callback(calls.close)
    return keys, book, calls


async def _open_listeners(
    stack: AsyncExitStack, engine: AsyncEngine, doorbells: Doorbells, watched: LiveJobs
) -> tuple[LiveJobs, FeedTails, Waiters]:
    live = await stack.enter_async_context(watched)
    feeds = await stack.enter_async_context(FeedTails(engine))
    waiters = await stack.enter_async_context(Waiters(engine, doorbells, live, feeds))
    return live, feeds, waiters


def _grids(settings: Settings, store: ObjectStore, clock: Clock) -> Grids:
    marker = open_marker(settings)
    return Grids(store, marker, provider=settings.provider_name, clock=clock)


def _links(settings: Settings, clock: Clock) -> ArtifactLinks:
    pepper = settings.key_pepper.get_secret_value()
    return ArtifactLinks(pepper, settings.public_url.rstrip("/"), clock)


async def _open_checks(
    stack: AsyncExitStack, settings: Settings, engine: AsyncEngine, clock: Clock
) -> SubmitChecks:
    checks = await asyncio.to_thread(open_checks, settings, engine, clock)
    stack.push_async_callback(checks.moderation.close)
    return checks

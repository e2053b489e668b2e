"""Opens the door of chats, where a bot is configured."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from infra.chat.adapter import ChatHttp
from infra.chat.http import open_chat_http
from infra.chat.opening import adapters_of
from infra.postgres.engine import whole_transactions
from producer.api.reviews import appeals_of
from producer.api.services import Services
from producer.cancel import Canceller
from producer.chat.asked import ChatMeans
from producer.chat.binding_desk import BindingDesk
from producer.chat.door import ChatDoor
from producer.chat.page_links import PageLinks


@asynccontextmanager
async def open_door(
    services: Services, http: ChatHttp | None = None
) -> AsyncGenerator[ChatDoor]:
    """Open the door of all bots that are configured; it closes when nothing is under way.

    Args:
        services: What it works with.
        http: The way to the platforms, instead of one of its own.
    """
    settings, engine = services.settings, services.engine
    pepper = settings.key_pepper.get_secret_value()
    async with AsyncExitStack() as closing:
        http = http or await closing.enter_async_context(open_chat_http(settings))
        means = ChatMeans(
            settings=settings,
            clock=services.clock,
            engine=engine,
            whole=whole_transactions(engine),
            store=services.store,
            submitter=services.submitter,
            canceller=Canceller(engine, settings, services.doorbells),
            appeals=appeals_of(services),
            pages=PageLinks(pepper, services.public_url, services.clock),
            desk=BindingDesk(engine, services.doorbells),
            http=http,
        )
        budget = settings.chat_answer_budget.total_seconds()
        door = ChatDoor(means, adapters_of(settings), services.calls, budget)
        try:
            yield door
        finally:
            await door.close()

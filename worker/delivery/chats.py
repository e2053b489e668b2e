"""Opens what sends to chats. Imported where a bot is configured, and nowhere else."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.artifact_tokens import ArtifactTokens
from infra.chat.adapter import ChatHttp
from infra.chat.bot_tokens import token_digests
from infra.chat.http import open_chat_http
from infra.chat.opening import adapters_of
from infra.clock import Clock
from infra.objectstore.opening import open_store
from infra.progress import ProgressLine
from infra.provenance.opening import open_marker
from infra.provenance.sheets import Grids
from infra.safety.policies import Policies
from infra.sealing import sealer_for
from infra.settings import Settings
from worker.delivery.chat_bots import ChatBots
from worker.delivery.chat_look import ChatLooks
from worker.delivery.chat_pace import ChatPace, Sleep
from worker.delivery.chat_pictures import ChatPictures
from worker.delivery.chat_records import ChatRecords
from worker.delivery.chat_sender import Bot, ChatSender


@asynccontextmanager
async def open_chats(
    settings: Settings,
    engine: AsyncEngine,
    clock: Clock,
    *,
    http: ChatHttp | None = None,
    sleep: Sleep = asyncio.sleep,
) -> AsyncGenerator[ChatSender]:
    """Give what sends to the configured platforms, until the block ends.

    Args:
        settings: Who the bots are.
        engine: PostgreSQL.
        clock: Tells the time, and measures.
        http: The way out; opened and closed here if not given.
        sleep: Waits so many seconds.

    Raises:
        SettingsError: Something of it cannot be opened.
    """
    async with AsyncExitStack() as closing:
        way = http or await closing.enter_async_context(open_chat_http(settings))
        line = ProgressLine(settings.doorbell_url())
        closing.push_async_callback(line.close)
        store = open_store(settings)
        closing.push_async_callback(store.close)
        pictures = ChatPictures(
            store,
            Grids(store, open_marker(settings), provider=settings.provider_name, clock=clock),
            Policies(engine, clock),
            tokens=ArtifactTokens(settings.key_pepper.get_secret_value()),
            public_url=settings.public_url.rstrip("/"),
            clock=clock,
        )
        yield ChatSender(
            {
                platform: Bot(adapter, ChatPace(platform, way, clock, sleep))
                for platform, adapter in adapters_of(settings).items()
            },
            ChatLooks(engine, line, pictures, settings, clock),
            ChatRecords(engine, sealer_for(settings)),
            ChatBots(engine, token_digests(settings), clock),
            clock,
        )

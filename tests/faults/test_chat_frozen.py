"""PostgreSQL freezes under a command: it is answered in time all the same, and made once."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from pydantic import SecretStr
from sqlalchemy import text

from infra.postgres.engine import transaction
from infra.postgres.tenants import ensure_tenant
from infra.settings import Settings
from infra.simulator.chat.acting import Said
from infra.simulator.chat.discord_people import DiscordPeople
from producer.api.app import create_app
from producer.api.services import Services, open_services
from tests.api.chatting import chat_settings
from tests.api.served import MODELS
from tests.fixtures.chat_platforms import PlayedPlatforms, over_asgi
from tests.fixtures.mortal_servers import MortalServer, mortal_postgres

LIMIT_SECONDS: Final = 2.0
FROZEN_SECONDS: Final = 1.0


@asynccontextmanager
async def mortal_door(
    settings: Settings, platforms: PlayedPlatforms, folder: Path
) -> AsyncGenerator[tuple[Services, MortalServer]]:
    """Serve Discord on a PostgreSQL of its own."""
    async with mortal_postgres(folder) as postgres, platforms.serve():
        here = chat_settings(settings, platforms).model_copy(
            update={"database_url": SecretStr(postgres.url), "model_servers": (MODELS,)}
        )
        async with open_services(here) as services:
            async with transaction(services.engine) as connection:
                await ensure_tenant(connection, "acme", max_inflight=9, webhook_secret="")
            platforms.connect(over_asgi(create_app(services)))
            yield services, postgres


async def jobs(services: Services) -> int:
    async with transaction(services.engine) as connection:
        return (await connection.execute(text("SELECT count(*) FROM job"))).scalar_one()


async def in_time(people: DiscordPeople, *texts: str) -> list[Said]:
    """Ask all of it at once; each is answered within the limit, and as Discord wants it."""
    began = time.monotonic()
    said = await asyncio.gather(*(people.say(text) for text in texts))
    assert time.monotonic() - began < LIMIT_SECONDS
    assert {one.answer.status for one in said} == {200}
    return list(said)


def test_while_postgresql_is_frozen_a_command_is_deferred_and_made_once_when_it_thaws(
    settings: Settings, chat_platforms: PlayedPlatforms, tmp_path: Path
) -> None:
    async def play() -> None:
        async with mortal_door(settings, chat_platforms, tmp_path) as (services, postgres):
            people = chat_platforms.discord.people
            await people.say("/imagine a warm one")
            postgres.freeze()
            said = await in_time(people, "/imagine a red kite", "/imagine a boat")
            await in_time(people, "/queue")
            await asyncio.sleep(FROZEN_SECONDS)  # sleeps: nothing happens to a frozen server
            postgres.thaw()
            assert services.chat is not None
            await services.chat.close()
            assert await jobs(services) == 3
            # What was asked is known: sent again, it is the same.
            for one in said:
                await people.again(one)
            assert await jobs(services) == 3

    asyncio.run(play())

"""People in chats, the platforms that they are on, and the API that those call."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from infra.postgres.chat_bindings import put_binding
from infra.postgres.engine import transaction
from infra.postgres.read_jobs import get_job
from infra.postgres.tenants import Tenant, ensure_tenant
from infra.settings import Settings
from infra.simulator.chat.acting import Said
from infra.simulator.chat.discord import Discord
from infra.simulator.chat.messages import Message
from producer.api.app import create_app
from schemas.chat import ChatAction, Platform, Verb
from schemas.chat_binding import ChatRules
from schemas.ids import format_id, parse_id
from schemas.job import JobRecord
from tests.api.people import sql
from tests.api.served import Served, serving
from tests.fixtures.chat_platforms import (
    GUILD,
    PlayedPlatforms,
    over_asgi,
    settings_for,
)


@dataclass
class Chat:
    """A server that the platforms call."""

    api: Served
    platforms: PlayedPlatforms

    @property
    def discord(self) -> Discord:
        return self.platforms.discord

    async def say(self, text: str, **more: Any) -> Said:
        """Write on Discord; the answer was one that Discord takes."""
        said = await self.discord.people.say(text, **more)
        assert said.answer.status == 200
        return said

    async def told(self, text: str, **more: Any) -> str:
        """Write on Discord, and return what was told in private."""
        said = await self.say(text, **more)
        assert said.private, said.text
        # Discord's escapes are its adapter's business.
        return said.text.replace("\\", "")

    async def press(self, message: Message | None, which: str, **more: Any) -> Said:
        """Press a button on Discord."""
        assert message is not None
        said = await self.discord.people.press(message, which, **more)
        assert said.answer.status == 200
        return said

    async def press_id(self, said: Said, custom_id: str, **more: Any) -> Said:
        """Press what may be no button of that message; Discord takes the answer."""
        pressed = await self.press(said.message, custom_id, forged=True, **more)
        assert pressed.answer.body
        return pressed

    async def jobs(self) -> list[JobRecord]:
        """Return all jobs, oldest first."""
        rows = await sql(self.api, "SELECT id, tenant_id FROM job ORDER BY id")
        async with transaction(self.api.services.engine) as connection:
            found = [await get_job(connection, row.tenant_id, row.id) for row in rows]
        return [job for job in found if job is not None]

    async def job(self) -> JobRecord:
        """Return the newest job."""
        return (await self.jobs())[-1]

    async def done(self, pictures: int = 4) -> JobRecord:
        """End the newest job with pictures, and return it."""
        job = await self.job()
        await self.api.end(format_id("job", job.id), pictures=[b"png"] * pictures)
        return await self.job()

    async def bind(
        self, *, tenant: str = "acme", place_id: str = GUILD, user_id: str = "", **rules: Any
    ) -> None:
        """Bind a place or a person on Discord."""
        whose = await self.tenant(tenant)
        async with transaction(self.api.services.engine) as connection:
            await put_binding(
                connection,
                platform=Platform.DISCORD,
                place_id=place_id,
                user_id=user_id,
                tenant_id=whose.id,
                rules=ChatRules(**rules),
            )

    async def sql(self, statement: str, **values: Any) -> Any:
        return await sql(self.api, statement, **values)

    async def tenant(self, name: str) -> Tenant:
        async with transaction(self.api.services.engine) as connection:
            return await ensure_tenant(connection, name, max_inflight=10, webhook_secret="")


def button(verb: Verb, index: int, job: JobRecord) -> str:
    """Return a custom id, as somebody may forge it."""
    return ChatAction(verb, index, job.id).id


def job_of(said: Said) -> Any:
    """Return the key of the job whose Cancel button stands under an answer."""
    message = said.message
    assert message is not None
    action = ChatAction.parse(message.buttons[0].id or "")
    assert action is not None
    return parse_id("job", format_id("job", action.job_id))


def chat_settings(settings: Settings, platforms: PlayedPlatforms, **overrides: Any) -> Settings:
    """Return settings with bots, of Discord alone unless more are named.

    Whom nobody bound belongs to tenant acme.
    """
    bots = overrides.pop("bots", ("discord",))
    update = {"chat_tenant": "acme", "describe_model": "test-chat"} | overrides
    return settings_for(settings, platforms, *bots).model_copy(update=update)


def chat(
    settings: Settings,
    platforms: PlayedPlatforms,
    scenario: Callable[[Chat], Awaitable[None]],
    *,
    key: str | None = None,
    **overrides: Any,
) -> None:
    """Serve with all bots, unbound people belonging to tenant acme, and play."""

    async def play() -> None:
        async with platforms.serve():
            wanted = chat_settings(settings, platforms, **overrides)
            async with serving(wanted, key=key) as api:
                platforms.connect(over_asgi(create_app(api.services)))
                await scenario(Chat(api, platforms))

    asyncio.run(play())

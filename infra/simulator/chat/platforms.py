"""All three platforms over one ledger: in this process, or behind a port."""

import contextlib
from collections.abc import AsyncGenerator, Iterable, Mapping
from typing import Final
from urllib.parse import unquote

from aiohttp import web

from infra.clock import Clock, SystemClock
from infra.simulator.chat.calling import Call
from infra.simulator.chat.discord import Discord
from infra.simulator.chat.discord_people import PUBLIC_KEY
from infra.simulator.chat.discord_world import APPLICATION
from infra.simulator.chat.ledger import Ledger
from infra.simulator.chat.slack import Slack
from infra.simulator.chat.slack_people import SIGNING_SECRET
from infra.simulator.chat.telegram import Telegram
from infra.simulator.chat.telegram_people import SECRET
from infra.simulator.chat.wire import Answer, DroppedError, Request
from infra.simulator.refusal import MARK
from infra.simulator.server import serve

NAMES: Final = ("discord", "slack", "telegram")
_MOST_BYTES: Final = 64 << 20


class ChatPlatforms:
    """Discord under ``/discord``, Slack under ``/slack``, Telegram under ``/telegram``.

    Args:
        clock: Tokens die and windows close by it.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock: Final = clock or SystemClock()
        self.ledger: Final = Ledger(self.clock)
        self.discord: Final = Discord(self.clock, self.ledger)
        self.slack: Final = Slack(self.clock, self.ledger)
        self.telegram: Final = Telegram(self.clock, self.ledger)
        self.set_url("http://platforms.test")

    def set_url(self, url: str) -> None:
        """Say where this is: it stands in addresses that the platforms hand out."""
        self.url = url
        self.discord.world.url = self.slack.world.url = self.telegram.world.url = url

    def connect(self, call: Call) -> None:
        """Send what people do there."""
        for platform in self.all.values():
            platform.people.messenger.call = call

    def settings(self, *names: str) -> dict[str, str]:
        """Return genq's settings for these platforms; of all, if none is named."""
        found: dict[str, str] = {}
        for name in names or NAMES:
            found |= self._settings_of(name)
        return found

    def _settings_of(self, name: str) -> dict[str, str]:
        if name == "slack":
            return {
                "slack_signing_secret": SIGNING_SECRET,
                "slack_bot_token": self.slack.bot_token,
                "slack_url": f"{self.url}/slack/api",
            }
        if name == "telegram":
            return {
                "telegram_bot_token": self.telegram.bot_token,
                "telegram_secret": SECRET,
                "telegram_url": f"{self.url}/telegram",
            }
        return {
            "discord_application_id": APPLICATION,
            "discord_public_key": PUBLIC_KEY,
            "discord_bot_token": self.discord.bot_token,
            "discord_url": f"{self.url}/discord/api/v10",
        }

    async def handle(self, request: Request) -> Answer:
        """Answer one request of a bot.

        Raises:
            DroppedError: The connection breaks off.
        """
        name = request.path.split("/")[1]
        platform = self.all.get(name)
        if platform is not None:
            return await self.ledger.serve(name, request, platform.answer)
        return Answer(404, b"no such platform", media_type="text/plain")

    @property
    def all(self) -> Mapping[str, Discord | Slack | Telegram]:
        """The platforms by name."""
        return {"discord": self.discord, "slack": self.slack, "telegram": self.telegram}

    def app(self, more: Iterable[web.RouteDef] = ()) -> web.Application:
        """Return what answers over HTTP; ``more`` are further routes."""
        app = web.Application(client_max_size=_MOST_BYTES)
        app.add_routes(list(more))
        app.router.add_route("*", "/{path:.*}", self._respond)
        return app

    @contextlib.asynccontextmanager
    async def serve(
        self, *, port: int = 0, more: Iterable[web.RouteDef] = ()
    ) -> AsyncGenerator[str]:
        """Listen on 127.0.0.1 while the context is open; yields ``http://127.0.0.1:port``."""
        async with serve(self.app(more), port=port) as url:
            self.set_url(url)
            yield url

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        asked = Request(
            request.method,
            unquote(request.rel_url.raw_path),
            dict(request.query),
            {name.lower(): value for name, value in request.headers.items()},
            await request.read(),
        )
        try:
            answer = await self.handle(asked)
        except DroppedError:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)
        return web.Response(
            status=answer.status,
            body=answer.body,
            headers={**MARK, **answer.headers},
            content_type=answer.media_type if answer.body else None,
        )

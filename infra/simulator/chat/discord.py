"""Discord's HTTP API under ``/discord/api/v10``, as far as a bot without a gateway uses it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from infra.clock import Clock
from infra.simulator.chat import discord_errors as errors
from infra.simulator.chat.discord_channels import DiscordChannels
from infra.simulator.chat.discord_errors import refused
from infra.simulator.chat.discord_people import DiscordPeople
from infra.simulator.chat.discord_rates import DiscordRates
from infra.simulator.chat.discord_registry import DiscordRegistry
from infra.simulator.chat.discord_webhooks import DiscordWebhooks
from infra.simulator.chat.discord_world import APPLICATION, DiscordWorld
from infra.simulator.chat.ledger import Ledger, Logged
from infra.simulator.chat.messages import Board, Message
from infra.simulator.chat.wire import Answer, RefusedError, Request

PREFIX: Final = "/discord/api/v10"
BOT_TOKEN: Final = "fake-discord-bot-token"  # noqa: S105 - of a platform that is none
_CDN: Final = re.compile(r"/discord/cdn/([0-9]+)/[^/]+")

Act = Callable[..., Answer]


class Discord:
    """The platform.

    Attributes:
        world: What is there.
        people: Acts as a user.
        bot_token: What the bot must show; ``revoke_token`` changes it.
    """

    def __init__(self, clock: Clock, ledger: Ledger) -> None:
        self.ledger: Final = ledger
        self.world: Final = DiscordWorld(clock)
        self.rates: Final = DiscordRates(clock)
        self.people: Final = DiscordPeople(self.world, ledger)
        self.bot_token = BOT_TOKEN
        self._revoked = False
        webhooks = DiscordWebhooks(self.world, ledger)
        channels = DiscordChannels(self.world)
        registry = DiscordRegistry(self.world)
        self._routes: Final = tuple(
            (method, template, _pattern(template), act, with_bot)
            for method, template, act, with_bot in (
                *webhooks.routes(),
                *channels.routes(),
                *registry.routes(),
            )
        )

    def answer(self, request: Request, entry: Logged) -> Answer:
        """Answer one request of the bot.

        Raises:
            RefusedError: It is refused.
        """
        file = _CDN.fullmatch(request.path)
        if file is not None:
            return self.people.file(file[1])
        path = request.path.removeprefix(PREFIX)
        for method, template, pattern, act, with_bot in self._routes:
            found = pattern.fullmatch(path) if method == request.method else None
            if found is not None:
                return self._serve(request, entry, template, found, act, with_bot=with_bot)
        raise refused(errors.NOT_FOUND, "there is no such route")

    def _serve(
        self,
        request: Request,
        entry: Logged,
        template: str,
        found: re.Match[str],
        act: Act,
        *,
        with_bot: bool,
    ) -> Answer:
        headers: dict[str, str] = {}
        try:
            if with_bot:
                self._check_bot(request)
            named = found.groupdict()
            if named.get("application_id", APPLICATION) != APPLICATION:
                raise refused(errors.MISSING_ACCESS, "it is another application")
            headers = self.rates.take(_bucket(template, named), with_bot=with_bot)
            answer = act(request, entry, **named)
        except RefusedError as refusal:
            self.rates.count_invalid(refusal.answer)
            refusal.answer = _with(refusal.answer, headers)
            raise
        return _with(answer, headers)

    @property
    def board(self) -> Board:
        """All messages."""
        return self.world.board

    def revoke_token(self) -> None:
        """Let no bot token be right any more, until ``bot_token`` is set."""
        self._revoked = True
        self.bot_token = ""

    def remove_bot(self, channel: str, *, seen: bool = False) -> None:
        """Take the bot out of a channel; with ``seen``, only its right to write there."""
        room = self.world.channel(channel)
        room.seen, room.writable = seen, False

    def delete(self, message: Message) -> None:
        """Delete a message, as a user does."""
        self.world.board.delete(message)

    def _check_bot(self, request: Request) -> None:
        shown = request.headers.get("authorization", "")
        if not self.bot_token or shown != f"Bot {self.bot_token}":
            raise refused(errors.UNAUTHORIZED, expected=self._revoked)


def _with(answer: Answer, headers: Mapping[str, str]) -> Answer:
    return replace(answer, headers={**headers, **answer.headers})


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", template)
    made = "".join(
        f"(?P<{part}>[^/]+)" if number % 2 else re.escape(part)
        for number, part in enumerate(parts)
    )
    return re.compile(made)


def _bucket(template: str, named: dict[str, Any]) -> str:
    """Return the bucket of a call: one for a webhook's token, one for a channel's route."""
    if "webhook_token" in named:
        return f"webhook {named['webhook_token']}"
    if "channel_id" in named:
        return f"channel {named['channel_id']}"
    return template

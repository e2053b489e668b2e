"""The adapter against a Discord that judges every request and keeps what it was told."""

import asyncio
import json
from dataclasses import replace
from typing import Any

from infra.chat.adapter import ChatHttp, Fate, SendResult
from infra.chat.discord import DiscordAdapter
from infra.chat.discord_commands import COMMANDS, invitation, register_commands
from infra.chat.http import AioChatHttp, open_chat_http
from infra.simulator.chat.discord_schema import schema_faults
from infra.simulator.chat.wire import Answer
from schemas.chat import ChatAction, MessageRef, Verb
from schemas.chat_inbound import Command, Press
from schemas.chat_view import Button, Mark, Notice, Show, Tell, View
from tests.fixtures.chat_platforms import (
    CHANNEL,
    PlatformHttp,
    PlayedPlatforms,
)
from tests.fixtures.discord_views import DONE, JOB, WAITING, running, settings_of


class Bot:
    """A door and a delivery process in one: it shows a view, then others."""

    def __init__(self, platforms: PlayedPlatforms, http: ChatHttp | None = None) -> None:
        self.platforms = platforms
        self.settings = settings_of(platforms.settings("discord"))
        self.adapter = DiscordAdapter(self.settings)
        self.http = http or PlatformHttp(platforms)
        self.heard: Command | Press | None = None
        self.reply: Any = Show(WAITING)
        self.fates: list[Fate] = []
        platforms.connect(self._answer)

    async def _answer(self, path: str, headers: Any, body: bytes) -> Answer:
        assert path == "/chat/discord"
        names = {name.lower(): value for name, value in headers.items()}
        self.adapter.verify(names, body, self.platforms.clock.now())
        heard = self.adapter.parse(names, body, self.platforms.clock.now())
        assert isinstance(heard, Command | Press)
        self.heard = heard
        answer = self.adapter.answer(heard, self.reply)
        return Answer(answer.status, answer.body, {"content-type": answer.content_type})

    @property
    def ref(self) -> MessageRef:
        assert self.heard is not None
        return self.heard.ref

    async def show(self, ref: MessageRef, view: View) -> SendResult:
        """Step until it says anything but ``NEXT``."""
        for _ in range(10):
            now = self.platforms.clock.now()
            result = await self.adapter.send(ref, view, self.http, now=now, nonce="nonce-1")
            self.fates.append(result.fate)
            if result.fate is not Fate.NEXT:
                return result
            ref = result.ref
        raise AssertionError("it never ends")


def owned(view: View, user: str) -> View:
    return replace(view, owner=replace(view.owner, id=user))


def test_a_command_becomes_one_message_that_ends_as_a_grid(
    chat_platforms: PlayedPlatforms,
) -> None:
    async def scenario() -> None:
        bot, discord = Bot(chat_platforms), chat_platforms.discord
        said = await discord.people.say("/imagine a red kite", options={"speed": "relax"})
        assert said.message is not None
        ref = bot.ref
        for view in (running(0), running(31, b"one"), running(78, b"two"), DONE):
            result = await bot.show(ref, view)
            assert result.fate is Fate.TAKEN
            ref = result.ref
        (shown,) = discord.board.of_bot()
        assert shown.id == ref.message
        assert [one.data for one in shown.pictures] == [b"RIFF-grid"]
        assert shown.labels == ["U1", "U2", "U3", "U4", "🔄", "V1", "V2", "V3", "V4"]

    asyncio.run(scenario())


def test_sixteen_minutes_later_the_same_message_is_edited_by_the_bot(
    chat_platforms: PlayedPlatforms,
) -> None:
    async def scenario() -> None:
        bot, discord = Bot(chat_platforms), chat_platforms.discord
        await discord.people.say("/imagine a red kite")
        ref = (await bot.show(bot.ref, running(3))).ref
        chat_platforms.move(minutes=16)
        assert (await bot.show(ref, DONE)).fate is Fate.TAKEN
        (shown,) = discord.board.of_bot()
        assert "U1" in shown.labels

    asyncio.run(scenario())


def test_a_bot_that_was_put_out_of_the_channel_writes_to_the_user_once(
    chat_platforms: PlayedPlatforms,
) -> None:
    async def scenario() -> None:
        bot, discord = Bot(chat_platforms), chat_platforms.discord
        await discord.people.say("/imagine a red kite")
        assert bot.heard is not None
        ref = (await bot.show(bot.ref, running(3))).ref
        chat_platforms.move(minutes=16)
        discord.remove_bot(CHANNEL)
        final = owned(DONE, bot.heard.user.id)
        assert (await bot.show(ref, owned(running(9), bot.heard.user.id))).fate is Fate.TAKEN
        result = await bot.show(ref, final)
        assert result.fate is Fate.TAKEN
        finals = [one for one in discord.board.of_bot() if "U1" in one.labels]
        assert [one.channel for one in finals] == [result.ref.channel]
        assert result.ref.channel != CHANNEL
        again = await bot.show(result.ref, replace(final, title="Image #2"))
        assert again.fate is Fate.TAKEN
        assert finals[0].edits == 2

    asyncio.run(scenario())


def test_a_new_message_whose_answer_was_lost_is_not_made_again(
    chat_platforms: PlayedPlatforms,
) -> None:
    async def scenario() -> None:
        bot, discord = Bot(chat_platforms), chat_platforms.discord
        await discord.people.say("/imagine a red kite")
        chat_platforms.move(minutes=16)
        chat_platforms.ledger.drop_next(r"POST .*/channels/.*/messages")
        first = await bot.show(bot.ref, DONE)
        assert first.fate is Fate.AGAIN
        chat_platforms.move(seconds=5)
        assert (await bot.show(first.ref, DONE)).fate is Fate.TAKEN
        assert len([one for one in discord.board.of_bot() if "U1" in one.labels]) == 1

    asyncio.run(scenario())


def test_a_result_that_is_faster_than_our_answer_waits_for_discord(
    chat_platforms: PlayedPlatforms,
) -> None:
    async def scenario() -> None:
        bot, discord = Bot(chat_platforms), chat_platforms.discord
        early: list[SendResult] = []
        answer = bot._answer

        async def too_fast(path: str, headers: Any, body: bytes) -> Answer:
            answered = await answer(path, headers, body)
            early.append(await bot.show(bot.ref, DONE))
            return answered

        chat_platforms.connect(too_fast)
        await discord.people.say("/imagine a red kite")
        assert (early[0].fate, early[0].pause) == (Fate.AGAIN, 0.5)
        chat_platforms.move(seconds=0.5)
        assert (await bot.show(early[0].ref, DONE)).fate is Fate.TAKEN

    asyncio.run(scenario())


def test_a_press_marks_its_button_and_is_followed_by_a_message_of_its_own(
    chat_platforms: PlayedPlatforms,
) -> None:
    async def scenario() -> None:
        bot, discord = Bot(chat_platforms), chat_platforms.discord
        await discord.people.say("/imagine a red kite")
        await bot.show(bot.ref, DONE)
        (shown,) = discord.board.of_bot()
        used = replace(DONE.buttons[1], used=True)
        marked = (DONE.buttons[0], used, *DONE.buttons[2:])
        bot.reply = Mark(replace(DONE, pictures=(), buttons=marked))
        await discord.people.press(shown, "U2")
        assert isinstance(bot.heard, Press)
        assert bot.heard.action == ChatAction(Verb.UPSCALE, 2, JOB)
        assert [one.data for one in shown.pictures] == [b"RIFF-grid"]
        result = await bot.show(bot.ref, replace(DONE, title="Image #2"))
        assert result.fate is Fate.TAKEN
        first, second = discord.board.of_bot()
        assert first is shown
        assert "Image #2" in second.text
        assert bot.fates[-2:] == [Fate.NEXT, Fate.TAKEN]

    asyncio.run(scenario())


def test_words_for_one_person_are_seen_by_nobody_else(chat_platforms: PlayedPlatforms) -> None:
    async def scenario() -> None:
        bot, discord = Bot(chat_platforms), chat_platforms.discord
        cancel = Button("Cancel", action=ChatAction(Verb.CANCEL, 0, JOB), danger=True)
        bot.reply = Tell(Notice("Queue full", "Running 3/3, waiting 7/7.", buttons=(cancel,)))
        said = await discord.people.say("/imagine a red kite")
        assert said.private
        assert bot.heard is not None
        assert (
            await bot.adapter.tell(bot.heard, bot.reply.notice, bot.http)
        ).fate is Fate.TAKEN
        assert all(one.private_to == bot.heard.user.id for one in discord.board.of_bot())
        assert len(discord.board.of_bot()) == 2

    asyncio.run(scenario())


def test_over_a_real_connection_pictures_arrive_whole(chat_platforms: PlayedPlatforms) -> None:
    grid = bytes(range(256)) * 6000
    alt = 'a "café"\r\n東京'

    async def scenario() -> None:
        async with chat_platforms.serve():
            settings = settings_of(chat_platforms.settings("discord"))
            async with open_chat_http(settings) as http:
                assert isinstance(http, AioChatHttp)
                bot, discord = Bot(chat_platforms, http), chat_platforms.discord
                await discord.people.say("/imagine a red kite")
                picture = replace(DONE.pictures[0], name='g"ri\r\nd.webp', alt=alt, data=grid)
                await bot.show(bot.ref, replace(DONE, pictures=(picture,)))
                (shown,) = discord.board.of_bot()
                assert [one.data for one in shown.pictures] == [grid]
                assert shown.pictures[0].alt == 'a "café" 東京'
                registered = await http.send(
                    register_commands(
                        settings.discord_url,
                        settings.discord_application_id or "",
                        chat_platforms.discord.bot_token,
                    )
                )
                assert registered.status == 200

    asyncio.run(scenario())


def test_the_commands_are_what_discords_document_allows() -> None:
    told = json.loads(json.dumps(COMMANDS))
    assert list(schema_faults("PUT", "/applications/{application_id}/commands", told)) == []
    assert [one["name"] for one in told] == [
        "imagine",
        "ask",
        "describe",
        "blend",
        "queue",
        "cancel",
        "info",
        "link",
        "settings",
        "gallery",
        "help",
    ]
    for command in told:
        options = command.get("options", [])
        required = [one["required"] for one in options]
        assert required == sorted(required, reverse=True)
        assert len({one["name"] for one in options}) == len(options)
        assert command["name"] == command["name"].lower()
    speeds = [one["value"] for one in told[0]["options"][1]["choices"]]
    assert speeds == ["turbo", "fast", "relax"]


def test_the_invitation_asks_for_what_the_ladder_needs() -> None:
    url = invitation("1100000000000000001")
    assert "scope=bot+applications.commands" in url
    permissions = int(url.rpartition("=")[2])
    view, send, attach, history = 1 << 10, 1 << 11, 1 << 15, 1 << 16
    assert permissions & (view | send | attach | history) == view | send | attach | history

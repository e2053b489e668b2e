"""Slack's adapter against a Slack that judges every request: nothing it sends is refused."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from infra.chat.adapter import Fate
from infra.chat.slack import SlackAdapter
from infra.simulator.chat.messages import Message
from infra.simulator.chat.wire import Answer
from schemas.chat import MessageRef
from schemas.chat_inbound import Command, Press
from schemas.chat_view import ChatStatus, Notice, Show, Tell, View
from tests.fixtures.chat_platforms import PlatformHttp, PlayedPlatforms
from tests.fixtures.slack_scenes import INJECTIONS, PICTURE, adapter, result_buttons, view

PNG = replace(PICTURE, data=b"\x89PNG\r\n\x1a\n of four cats")
DONE = view(ChatStatus.DONE, pictures=(PNG,), buttons=result_buttons())
FAILED = view(ChatStatus.FAILED, notice="The model server failed.")


@dataclass
class Bot:
    """The adapter, behind the platform's door and before its API."""

    platforms: PlayedPlatforms
    reply: Show | Tell = field(default_factory=lambda: Show(view()))
    heard: list[Command | Press] = field(default_factory=list[Command | Press])

    def __post_init__(self) -> None:
        told: Mapping[str, Any] = self.platforms.settings("slack")
        self.slack: SlackAdapter = adapter(**told)
        self.http = PlatformHttp(self.platforms)
        self.platforms.connect(self._answer)

    async def _answer(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        told = {name.lower(): value for name, value in headers.items()}
        now = self.platforms.clock.now()
        self.slack.verify(told, body, now)
        heard = self.slack.parse(told, body, now)
        assert isinstance(heard, Command | Press)
        self.heard.append(heard)
        answer = self.slack.answer(heard, self.reply)
        if not answer.told and isinstance(self.reply, Tell):
            await self.slack.tell(heard, self.reply.notice, self.http)
        return Answer(answer.status, answer.body, media_type=answer.content_type)

    async def show(self, ref: MessageRef, *forms: View) -> tuple[MessageRef, Fate]:
        fate = Fate.NEXT
        for form in forms:
            for _ in range(10):
                now = self.platforms.clock.now()
                told = await self.slack.send(ref, form, self.http, now=now, nonce="n")
                ref, fate = told.ref, told.fate
                self.platforms.move(seconds=told.pause)
                if fate is not Fate.NEXT:
                    break
        return ref, fate

    @property
    def shown(self) -> list[Message]:
        return [one for one in self.platforms.slack.board.of_bot(None) if not one.deleted]


def play(platforms: PlayedPlatforms, scene: Callable[[Bot], Awaitable[None]]) -> None:
    async def played() -> None:
        await scene(Bot(platforms))

    asyncio.run(played())


def test_a_job_is_one_message_from_waiting_to_its_picture(
    chat_platforms: PlayedPlatforms,
) -> None:
    async def scene(bot: Bot) -> None:
        await chat_platforms.slack.people.say("/imagine a <red> kite & more")
        typed = bot.heard[0]
        assert isinstance(typed, Command)
        prompt = view(prompt=typed.text)
        running = [replace(prompt, status=ChatStatus.RUNNING, percent=n) for n in (10, 50)]
        done = replace(DONE, prompt=prompt.prompt)

        _, fate = await bot.show(bot.heard[0].ref, prompt, *running, done)

        assert fate is Fate.TAKEN
        (message,) = bot.shown
        assert [one.data for one in message.pictures] == [PNG.data]
        assert "a <red> kite & more" in message.text
        assert message.labels[:5] == ["U1", "U2", "U3", "U4", "🔄"]
        await chat_platforms.slack.people.press(message, "U2")
        pressed = bot.heard[-1]
        assert isinstance(pressed, Press)
        assert pressed.action == DONE.buttons[1].action

    play(chat_platforms, scene)


def test_words_are_private_for_a_command_and_for_a_button(
    chat_platforms: PlayedPlatforms,
) -> None:
    async def scene(bot: Bot) -> None:
        bot.reply = Tell(Notice("Queue full", "Running 3/3. See https://genq.example/a?b&c."))
        said = await chat_platforms.slack.people.say("/imagine x")
        assert said.message is not None
        assert said.message.private_to == "U1"
        await bot.show(bot.heard[0].ref, DONE)
        (message,) = [one for one in bot.shown if one.private_to is None]
        await chat_platforms.slack.people.press(message, "V1", user="U9")

        assert bot.shown[-1].private_to == "U9"
        assert message in bot.shown

    play(chat_platforms, scene)


def test_without_the_bot_in_the_channel_the_url_shows_waiting_and_the_result(
    chat_platforms: PlayedPlatforms,
) -> None:
    async def scene(bot: Bot) -> None:
        await chat_platforms.slack.people.say("/imagine x")
        chat_platforms.slack.remove_bot("C1")

        running = view(ChatStatus.RUNNING, percent=7)
        ref, fate = await bot.show(bot.heard[0].ref, view(), running, DONE)

        assert (fate, ref.uses) == (Fate.TAKEN, 2)
        (message,) = bot.shown
        assert (message.channel, [one.data for one in message.pictures]) == ("C1", [PNG.data])

    play(chat_platforms, scene)


def test_after_half_an_hour_the_result_is_a_direct_message(
    chat_platforms: PlayedPlatforms,
) -> None:
    async def scene(bot: Bot) -> None:
        await chat_platforms.slack.people.say("/imagine x")
        chat_platforms.slack.remove_bot("C1")
        ref, _ = await bot.show(bot.heard[0].ref, view())
        chat_platforms.move(minutes=31)

        ref, fate = await bot.show(ref, DONE)

        assert (fate, ref.channel) == (Fate.TAKEN, "DU1")
        finals = [one for one in bot.shown if one.pictures]
        assert [one.channel for one in finals] == ["DU1"]

    play(chat_platforms, scene)


def test_a_deleted_message_and_a_removed_app_end_it(chat_platforms: PlayedPlatforms) -> None:
    async def scene(bot: Bot) -> None:
        await chat_platforms.slack.people.say("/imagine x")
        ref, _ = await bot.show(bot.heard[0].ref, view())
        chat_platforms.slack.delete(bot.shown[0])
        assert (await bot.show(ref, FAILED))[1] is Fate.GONE
        chat_platforms.slack.stop_bot("token_revoked")
        assert (await bot.show(bot.heard[0].ref, FAILED))[1] is Fate.STOPPED

    play(chat_platforms, scene)


def test_an_answer_that_was_lost_never_leaves_two_results(
    chat_platforms: PlayedPlatforms,
) -> None:
    async def scene(bot: Bot) -> None:
        await chat_platforms.slack.people.say("/imagine x")
        chat_platforms.ledger.drop_next(r"POST .*chat.postMessage")
        ref, fate = await bot.show(bot.heard[0].ref, FAILED)
        assert fate is Fate.AGAIN
        chat_platforms.move(seconds=2)
        chat_platforms.ledger.drop_next(r"POST .*chat.update")
        ref, fate = await bot.show(ref, FAILED)
        assert fate is Fate.AGAIN

        await bot.show(ref, FAILED)

        assert sum("Failed" in one.text for one in bot.shown) == 1

    play(chat_platforms, scene)


def test_hostile_words_ping_nobody(chat_platforms: PlayedPlatforms) -> None:
    async def scene(bot: Bot) -> None:
        for hostile in INJECTIONS:
            form = view(ChatStatus.DONE, prompt=hostile, text=hostile, notice=hostile)
            chat_platforms.move(seconds=2)
            _, fate = await bot.show(MessageRef("C1"), form)
            assert fate is Fate.TAKEN
        pinged = {one for message in bot.shown for one in message.pings}
        assert pinged <= {"U1"}

    play(chat_platforms, scene)

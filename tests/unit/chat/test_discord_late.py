"""What is said after the first answer takes its place, or is told to one person alone."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from infra.chat.adapter import ChatAdapter, ChatHttpAnswer, Fate, SendResult
from producer.chat.asked import ChatMeans
from producer.chat.late import bring_later
from schemas.chat_inbound import Command, Press
from schemas.chat_view import Defer, Mark, Notice, Show, Tell
from tests.fixtures.discord_views import (
    APPLICATION,
    DONE,
    MADE,
    MESSAGE,
    TOKEN,
    WAITING,
    ScriptedDiscord,
    discord_bot,
    refused,
)
from tests.fixtures.leaping_loop import leap
from tests.unit.chat.test_discord_inbound import heard

WEBHOOK = f"/webhooks/{APPLICATION}/{TOKEN}"
ORIGINAL = f"PATCH {WEBHOOK}/messages/@original"
DEAD = refused(401, 50027)
UNSEEN = refused(404, 10015)
COMMAND: Command = heard("/imagine in a guild")
PRESS: Press = heard("button U2")
NOTICE = Notice("Queue full", "Running 3/3, waiting 7/7.")


class AsyncAnswers:
    """Answers one after the other."""

    def __init__(self, answers: list[SendResult]) -> None:
        self.answers, self.count = answers, 0

    async def __call__(self, *asked: Any) -> SendResult:
        del asked
        self.count += 1
        return self.answers[self.count - 1]


def finish(
    reply: Any, *answers: ChatHttpAnswer, of: Command | Press = COMMAND
) -> tuple[SendResult, ScriptedDiscord]:
    discord = ScriptedDiscord(answers)
    return asyncio.run(discord_bot().finish_deferred(of, reply, discord)), discord


def test_a_late_refusal_of_a_public_command_is_neutral_there_and_private_beside() -> None:
    result, discord = finish(Tell(NOTICE))
    assert result.fate is Fate.TAKEN
    assert discord.lines == [ORIGINAL, f"POST {WEBHOOK}?wait=true"]
    public, private = (call.body or {} for call in discord.calls)
    assert "Running" not in str(public)
    assert "flags" not in public
    assert (private["flags"], private["embeds"][0]["title"]) == (64, "Queue full")


def test_a_late_answer_to_a_private_command_takes_the_deferred_ones_place() -> None:
    _, discord = finish(Tell(NOTICE), of=replace(COMMAND, name="queue"))
    assert discord.lines == [ORIGINAL]
    assert "Running" in str(discord.calls[0].body)


def test_a_late_job_takes_the_deferred_answers_place() -> None:
    result, discord = finish(Show(WAITING))
    assert (discord.lines, result.ref.message) == ([ORIGINAL], MESSAGE)


def test_a_late_press_marks_its_message_or_tells_privately() -> None:
    _, discord = finish(Mark(DONE), of=PRESS)
    assert discord.lines == [ORIGINAL]
    assert set(discord.calls[0].body or {}) == {"components", "allowed_mentions"}
    _, discord = finish(Tell(NOTICE), of=PRESS)
    assert discord.lines == [f"POST {WEBHOOK}?wait=true"]
    for nothing in (Mark(None), Defer()):
        result, discord = finish(nothing, of=PRESS)
        assert (result.fate, discord.lines) == (Fate.TAKEN, [])


def test_private_words_wait_for_discord_to_see_our_answer_and_take_no_other_way() -> None:
    discord = ScriptedDiscord([UNSEEN, DEAD, MADE])
    fates: list[SendResult] = [
        asyncio.run(discord_bot().tell(COMMAND, NOTICE, discord)) for _ in range(3)
    ]
    assert [one.fate for one in fates] == [Fate.AGAIN, Fate.HOPELESS, Fate.TAKEN]
    assert fates[0].pause == 0.5
    assert len(set(discord.lines)) == 1


def test_a_platform_that_asks_for_a_minute_has_it_and_is_not_asked_after_a_longer_one() -> None:
    async def waits(pause: float) -> tuple[int, float]:
        fates = [SendResult(Fate.LIMITED, COMMAND.ref, pause=pause)] * 2
        told = SimpleNamespace(tell=AsyncAnswers([*fates, SendResult(Fate.TAKEN, COMMAND.ref)]))
        began = asyncio.get_running_loop().time()
        means = cast("ChatMeans", SimpleNamespace(http=None))
        await bring_later(means, cast("ChatAdapter", told), COMMAND, Tell(NOTICE))
        return told.tell.count, asyncio.get_running_loop().time() - began

    assert leap(waits(60.0)) == (3, 120.0)
    assert leap(waits(61.0)) == (1, 0.0)

"""A bot's pace: one caller at a time a channel, so many calls a second over all of them."""

import asyncio
from dataclasses import dataclass, field

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from infra.chat.adapter import ChatCall, ChatHttpAnswer
from schemas.chat import Platform
from schemas.chat_errors import ChatUnreachableError
from tests.fixtures.leaping_loop import LoopClock, later, leap
from worker.delivery.chat_bots import ChatBots
from worker.delivery.chat_pace import ChatPace

BOT = ChatCall("PATCH", "https://x.invalid/", "x", headers={"Authorization": "Bot t"})
TOKEN = ChatCall("PATCH", "https://x.invalid/", "x")


@dataclass
class Recording:
    times: list[float] = field(default_factory=list[float])
    in_flight: int = 0
    most: int = 0
    seconds: float = 0.0

    async def send(self, call: ChatCall) -> ChatHttpAnswer:
        del call
        self.times.append(asyncio.get_running_loop().time())
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        await later(self.seconds)
        self.in_flight -= 1
        return ChatHttpAnswer(200, {}, b"")


async def step(pace: ChatPace, channel: str, call: ChatCall, rest: float = 0.0) -> None:
    async with pace.line(channel) as line:
        await line.send(call)
        line.leave(rest)


@pytest.mark.parametrize(
    ("platform", "rate"), [(Platform.DISCORD, 45), (Platform.TELEGRAM, 30)]
)
def test_over_all_channels_no_second_sees_more_calls_than_the_bot_may_make(
    platform: Platform, rate: int
) -> None:
    http = Recording()

    async def play() -> None:
        pace = ChatPace(platform, http, LoopClock())
        await asyncio.gather(*(step(pace, str(n), BOT) for n in range(300)))

    leap(play())
    least = 300 / rate
    assert least - 0.5 <= http.times[-1] - http.times[0] <= least + 0.1
    for began in http.times:
        assert sum(began <= one < began + 1 for one in http.times) <= rate * 1.25


def test_calls_with_an_interactions_own_token_are_not_counted() -> None:
    http = Recording()

    async def play() -> None:
        pace = ChatPace(Platform.DISCORD, http, LoopClock())
        await asyncio.gather(*(step(pace, "1", TOKEN) for _ in range(300)))

    leap(play())
    assert http.times[-1] == http.times[0]


def test_a_channel_is_called_by_one_at_a_time_and_rests_between() -> None:
    http = Recording(seconds=0.5)

    async def play() -> None:
        pace = ChatPace(Platform.DISCORD, http, LoopClock())
        await asyncio.gather(*(step(pace, "1", BOT, rest=0.9) for _ in range(3)))

    leap(play())
    assert http.most == 1
    assert [round(one - http.times[0], 2) for one in http.times] == [0.0, 1.4, 2.8]


def test_a_long_rest_is_not_sat_out_in_an_attempt() -> None:
    http = Recording()

    async def play() -> float:
        pace = ChatPace(Platform.SLACK, http, LoopClock())
        await step(pace, "1", BOT, rest=60.0)
        async with pace.line("1") as line:
            with pytest.raises(ChatUnreachableError):
                await line.send(BOT)
            return line.rests

    assert 59.0 < leap(play()) <= 60.0
    assert len(http.times) == 1


def test_after_a_thousand_invalid_answers_in_ten_minutes_progress_stops_for_a_while() -> None:
    async def play() -> None:
        nobody = create_async_engine("postgresql+psycopg://nobody@nowhere.invalid/none")
        bots = ChatBots(nobody, {}, LoopClock())
        for _ in range(1000):
            bots.note_invalid(Platform.DISCORD)
        assert bots.may_chatter(Platform.DISCORD)
        bots.note_invalid(Platform.DISCORD)
        assert not bots.may_chatter(Platform.DISCORD)
        assert bots.may_chatter(Platform.SLACK)
        await later(601.0)
        assert bots.may_chatter(Platform.DISCORD)

    leap(play())

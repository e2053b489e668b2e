"""A platform repeats itself, to whichever server: one job, and the same answer each time."""

import asyncio
from collections.abc import Mapping
from itertools import cycle
from typing import Any

import pytest

from infra.settings import Settings
from infra.simulator.chat.acting import Said
from infra.simulator.chat.messages import Form, Message
from infra.simulator.chat.slack_world import CHANNEL as SLACK_CHANNEL
from infra.simulator.chat.telegram_world import USER as TELEGRAM_USER
from infra.simulator.chat.wire import Answer
from producer.api.app import create_app
from producer.api.services import open_services
from schemas.chat import Platform, Verb
from schemas.job_states import JobState
from tests.api.chatting import Chat, button, chat, chat_settings
from tests.api.served import serving
from tests.fixtures.chat_platforms import PlayedPlatforms, over_asgi

TIMES = 5


def equal(said: Said) -> Answer:
    """Return the answer that all of them got."""
    assert len({(answer.status, answer.body) for answer in said.answers}) == 1
    assert said.answer.status == 200
    return said.answer


def pressable(said: Said, platform: Platform) -> Message:
    """Return the job's message: on Discord the answer, elsewhere one that was posted since."""
    if said.message is not None:
        return said.message
    channel = SLACK_CHANNEL if platform is Platform.SLACK else str(TELEGRAM_USER)
    return Message("1700000000.000100", channel, "bot", [Form(0.0, "a red kite")])


async def repeat_all(here: Chat, people: Any, platform: Platform) -> None:
    said = await people.say("/imagine a red kite", times=TIMES)
    first = equal(said)
    parent = await here.done()
    assert len(await here.jobs()) == 1
    message = pressable(said, platform)
    if platform is Platform.TELEGRAM:
        message.id = "77"

    up = button(Verb.UPSCALE, 1, parent)
    pressed = await people.press(message, up, times=TIMES, forged=True)
    taken = equal(pressed)
    assert len(await here.jobs()) == 2

    # Long after, when both jobs are done, nothing has changed.
    await here.done(1)
    for one, before in ((said, first), (pressed, taken)):
        again = equal(await people.again(one, times=TIMES))
        assert (again.status, again.body) == (before.status, before.body)
    assert len(await here.jobs()) == 2


@pytest.mark.parametrize("platform", Platform)
def test_five_repetitions_over_two_servers_make_one_job_and_five_equal_answers(
    settings: Settings, chat_platforms: PlayedPlatforms, platform: Platform
) -> None:
    async def play() -> None:
        wanted = chat_settings(settings, chat_platforms, bots=(platform.value,))
        async with serving(wanted) as api, open_services(api.services.settings) as other:
            apps = cycle([over_asgi(create_app(one)) for one in (api.services, other)])

            async def either(path: str, headers: Mapping[str, str], body: bytes) -> Answer:
                return await next(apps)(path, headers, body)

            chat_platforms.connect(either)
            played = chat_platforms.all[platform.value]
            await repeat_all(Chat(api, chat_platforms), played.people, platform)
            for services in (api.services, other):
                assert services.chat is not None
                await services.chat.close()
            # Nobody was told that it was there already.
            assert [one.text for one in played.board.of_bot() if one.private_to] == []

    async def served() -> None:
        async with chat_platforms.serve():
            await play()

    asyncio.run(served())


def test_a_repeated_cancel_ends_no_other_job(
    settings: Settings, chat_platforms: PlayedPlatforms
) -> None:
    async def scenario(here: Chat) -> None:
        people = here.platforms.telegram.people
        nothing = await people.say("/cancel")
        assert "Nothing to cancel" in nothing.text
        for n in range(4):
            await people.say(f"/imagine kite {n}")
        assert "Nothing to cancel" in (await people.again(nothing)).text
        newest = await people.say("/cancel", times=TIMES)
        second = await people.say("/cancel 2")
        assert equal(await people.again(newest, times=TIMES)).body == newest.answer.body
        assert equal(await people.again(second, times=TIMES)).body == second.answer.body
        states = [job.state for job in await here.jobs()]
        ended = [n for n, state in enumerate(states) if state is JobState.CANCELLED]
        assert ended == [1, 3]

    chat(settings, chat_platforms, scenario, bots=("telegram",))

"""Attach: a call that OpenAI's client repeats by itself finds the job that it left behind."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import httpx2
import pytest

from infra.postgres.engine import transaction
from infra.postgres.held_calls import forget_calls
from infra.settings import Settings
from tests.api.served import new_key
from tests.facade.scene import CHAT, SHORT, Scene, play

REPEATED: Final = {"x-stainless-retry-count": "1"}
_HELD_AGAIN: Final = "SELECT held_until > created_at + interval '200 ms' FROM held_call"


@pytest.mark.parametrize("sync", [False, True])
def test_a_call_whose_time_is_up_attaches_to_its_job_by_itself(
    settings: Settings, *, sync: bool
) -> None:
    async def scenario(here: Scene) -> None:
        create: Callable[..., Any] = here.sync.chat.completions.create
        asked = asyncio.create_task(asyncio.to_thread(create, **CHAT)) if sync else here.chat()
        job = await here.job()
        await here.until_sql(_HELD_AGAIN)
        await here.api.end(job, text="late")
        answer = await asked

        assert answer.choices[0].message.content == "late"
        assert [each["id"] for each in await here.jobs()] == [job]

    play(settings, scenario, facade_max_hold=SHORT)


def test_ten_calls_that_say_the_same_get_ten_answers_each_of_its_own_job(
    settings: Settings,
) -> None:
    async def scenario(here: Scene) -> None:
        asked = [here.chat() for _ in range(10)]
        jobs = await here.unfinished(10)
        # Everybody is sent away once, and attaches again.
        await here.until_sql(
            "SELECT count(*) = 10 FROM held_call"
            " WHERE held_until > created_at + interval '900 ms'"
        )
        for number, job in enumerate(jobs):
            await here.api.end(job, text=str(number))
        answers = [await each for each in asked]

        told = {answer.choices[0].message.content for answer in answers}
        assert told == {str(number) for number in range(10)}
        assert len(await here.jobs()) == 10

    play(settings, scenario, facade_max_hold=timedelta(milliseconds=700))


async def age_calls(here: Scene) -> None:
    """Let all calls that were answered be long ago."""
    await here.until_sql("SELECT bool_and(delivered_at IS NOT NULL) FROM held_call")
    await here.sql(
        "UPDATE held_call SET created_at = created_at - interval '1 hour',"
        " delivered_at = delivered_at - interval '1 hour',"
        " held_until = held_until - interval '1 hour'"
    )


async def repeat(here: Scene) -> httpx2.Response:
    """Send the same call as its client does that sends it again."""
    return await here.api.http.post("/v1/chat/completions", json=CHAT, headers=REPEATED)


def words(answer: httpx2.Response) -> str:
    return answer.json()["choices"][0]["message"]["content"]


def test_an_answer_that_is_lost_on_its_way_is_told_again(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        first = here.chat()
        await here.api.end(await here.job(), text="one")
        await first
        answer = await repeat(here)

        assert words(answer) == "one"
        assert len(await here.jobs()) == 1

        # To nobody else.
        key = await new_key(here.api.services, "globex")
        theirs = {
            **REPEATED,
            "x-stainless-read-timeout": "0.1",
            "authorization": f"Bearer {key}",
        }
        other = await here.api.http.post("/v1/chat/completions", json=CHAT, headers=theirs)
        assert other.status_code == 408

    play(settings, scenario)


def test_a_job_that_ended_while_nobody_waited_is_found(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        # Another call that says the same was answered before; its answer is not this one's.
        before = here.chat()
        await here.api.end(await here.job(), text="before")
        await before
        broken = here.chat()
        job = await here.job()
        broken.cancel()
        await here.waited_for(0)
        await here.until_sql("SELECT bool_and(held_until <= now()) FROM held_call")
        await here.api.end(job, text="two")
        answer = await repeat(here)

        assert words(answer) == "two"
        assert answer.headers["x-genq-job-id"] == job

    play(settings, scenario)


def test_a_job_whose_server_died_without_a_word_is_found(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        # It still looks held.
        held = here.chat()
        job = await here.job()
        again = asyncio.create_task(repeat(here))
        await here.api.end(job, text="three")

        assert words(await again) == "three"
        assert len(await here.jobs()) == 1
        await held

    play(settings, scenario)


def test_calls_of_long_ago_are_found_by_nobody_and_forgotten(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        first = here.chat()
        await here.api.end(await here.job(), text="old")
        await first
        await age_calls(here)
        again = asyncio.create_task(repeat(here))
        await here.api.end(await here.job(), text="new")

        assert words(await again) == "new"
        assert len(await here.jobs()) == 2
        async with transaction(here.api.services.engine) as connection:
            assert not await forget_calls(connection)
        assert await here.sql("SELECT count(*) FROM held_call") == [(1,)]

    play(settings, scenario)


def test_a_first_try_is_a_call_of_its_own(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        for number in range(2):
            asked = here.chat()
            await here.api.end(await here.job(), text=str(number))
            assert (await asked).choices[0].message.content == str(number)

        assert len(await here.jobs()) == 2

    play(settings, scenario)


def test_who_was_refused_lately_is_not_given_the_answer_of_another_call(
    settings: Settings,
) -> None:
    async def scenario(here: Scene) -> None:
        asked = here.chat()
        first = await here.job()
        [(tenant,)] = await here.sql("SELECT id FROM tenant WHERE name = 'acme'")
        here.api.services.book.refused(tenant)
        post = here.api.http.post("/v1/chat/completions", json=CHAT, headers=REPEATED)
        other = asyncio.create_task(post)
        jobs = await here.unfinished(2)
        for job in jobs:
            await here.api.end(job, text=job)

        assert (await asked).choices[0].message.content == first
        assert (await other).headers["x-genq-job-id"] != first

    play(settings, scenario)

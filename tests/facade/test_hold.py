"""Hold and attach: a call of OpenAI's client waits for its job, and its repetitions find it."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import httpx2
import pytest
from openai import APIStatusError, UnprocessableEntityError
from starlette.datastructures import Headers

from infra.postgres.engine import transaction
from infra.postgres.held_calls import forget_calls
from infra.settings import Settings
from producer.openai.call_headers import hold_seconds
from tests.api.served import new_key
from tests.facade.scene import CHAT, SHORT, Scene, play

REPEATED: Final = {"x-stainless-retry-count": "1"}
_HELD_AGAIN: Final = "SELECT held_until > created_at + interval '200 ms' FROM held_call"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 55),
        ({"x-stainless-retry-count": "0"}, 285),
        ({"x-stainless-read-timeout": "600"}, 540),
        ({"x-stainless-read-timeout": "60.0"}, 55),
        ({"x-stainless-timeout": "30"}, 25),
        ({"x-stainless-read-timeout": "7"}, 3.5),
        ({"x-stainless-read-timeout": "inf", "x-stainless-retry-count": "0"}, 285),
        ({"x-stainless-read-timeout": "soon"}, 55),
        ({"x-stainless-read-timeout": "-1"}, 55),
    ],
)
def test_a_call_is_held_until_just_before_its_client_gives_up(
    headers: dict[str, str], seconds: float
) -> None:
    assert hold_seconds(Headers(headers), 540) == seconds


def test_an_unmodified_client_gets_its_answer_whole(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        asked = here.chat()
        job = await here.job()
        kept = {
            "text": "hi",
            "finish_reason": "length",
            "usage": {"input_tokens": 3, "output_tokens": 1, "cached_tokens": 2},
        }
        await here.api.end(job, result=kept)
        answer = await asked

        [choice] = answer.choices
        assert choice.message.content == "hi"
        assert choice.message.role == "assistant"
        assert choice.finish_reason == "length"
        assert answer.usage is not None
        assert answer.usage.total_tokens == 4
        assert answer.usage.prompt_tokens_details is not None
        assert answer.usage.prompt_tokens_details.cached_tokens == 2
        assert answer.model == "test-chat"
        assert answer.id == job.replace("job_", "chatcmpl-")
        assert answer.service_tier is None
        assert answer.model_extra is not None
        assert answer.model_extra["genq"]["job_id"] == job
        [shown] = await here.jobs()
        assert shown["status"] == "succeeded"

    play(settings, scenario)


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


def test_a_client_that_gives_up_hears_of_the_job_that_goes_on(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        here.client = here.client.with_options(max_retries=1)
        with pytest.raises(APIStatusError) as caught:
            await here.chat()
        [job] = await here.jobs()

        assert caught.value.status_code == 408
        assert caught.value.code == "still_running"
        assert caught.value.type == "genq_still_running"
        assert job["id"] in caught.value.message
        assert caught.value.response.headers["x-genq-job-id"] == job["id"]
        assert caught.value.response.headers["retry-after-ms"] == "100"
        assert job["status"] == "queued"

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
            " WHERE held_until > created_at + interval '200 ms'"
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


def test_a_server_that_is_about_to_stop_sends_its_callers_round(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        here.client = here.client.with_options(max_retries=0)
        asked = here.chat()
        job = await here.job()
        await here.waited_for(1)
        here.api.services.waiters.release()
        with pytest.raises(APIStatusError) as caught:
            await asked

        assert caught.value.status_code == 503
        assert caught.value.code == "unavailable"
        assert caught.value.type == "server_error"
        assert "x-should-retry" not in caught.value.response.headers
        assert caught.value.response.headers["retry-after"] == "1"
        assert caught.value.response.headers["x-genq-job-id"] == job
        await here.until_sql("SELECT held_until <= now() FROM held_call")

    play(settings, scenario)


def test_a_job_ends_with_its_connection_only_if_its_caller_wants_that(
    settings: Settings,
) -> None:
    async def scenario(here: Scene) -> None:
        for header in ({}, {"X-Genq-Cancel-On-Disconnect": "true"}):
            asked = here.chat(extra_headers=header)
            await here.job()
            await here.waited_for(1)
            asked.cancel()
            await here.waited_for(0)
            if not header:
                [job] = await here.jobs()
                assert job["status"] == "queued"
                await here.api.end(job["id"], text="done")
        await here.until_sql("SELECT count(*) = 1 FROM job WHERE final_state = 13")
        # Its repetition is a call of its own.
        assert await here.sql("SELECT count(*) FROM held_call") == [(1,)]

    play(settings, scenario)


def test_an_idempotency_key_finds_its_job_and_refuses_another_body(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        key = {"Idempotency-Key": "order-1"}
        asked = here.chat(extra_headers=key)
        job = await here.job()
        await here.api.end(job, text="once")
        first = await asked
        second = await here.chat(extra_headers=key)
        with pytest.raises(UnprocessableEntityError) as caught:
            await here.chat(extra_headers=key, temperature=1)

        assert first.id == second.id
        assert caught.value.code == "idempotency_key_reused"
        assert caught.value.type == "invalid_request_error"
        assert len(await here.jobs()) == 1

    play(settings, scenario)


def test_an_installation_may_do_without_attaching(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        with pytest.raises(APIStatusError) as caught:
            await here.chat()

        # It is told not to come back: nothing would be found.
        assert caught.value.response.headers["x-should-retry"] == "false"
        assert len(await here.jobs()) == 1
        assert await here.sql("SELECT count(*) FROM held_call") == [(0,)]

    play(settings, scenario, facade_max_hold=SHORT, facade_dedupe=False)

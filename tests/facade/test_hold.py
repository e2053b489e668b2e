"""Hold: a call of OpenAI's client waits for its job, and hears of it when it waits no more."""

import pytest
from openai import APIStatusError, UnprocessableEntityError
from starlette.datastructures import Headers

from infra.settings import Settings
from producer.openai.call_headers import hold_seconds
from tests.facade.scene import SHORT, Scene, play


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

"""Servers that the settings describe, and that only begin: how work is waited for."""

import asyncio
import base64
from typing import Any, Final

import pytest
from aiohttp import web

from schemas.errors import (
    GenqError,
    ModelBadAnswerError,
    ModelError,
    ModelRefusedError,
    ModelTimeoutError,
    ModelUnavailableError,
)
from schemas.ids import format_id
from tests.fixtures.cog_scenes import Heard
from tests.fixtures.http_scenes import MODEL, PAINT, WORK, claim_of, outcome_of, play
from tests.fixtures.http_server import HttpServer
from tests.fixtures.model_server import (
    Answer,
    answers,
    answers_bytes,
    hangs_up,
    png,
)
from tests.fixtures.until import until
from worker.providers.provider import Provider, Reply

PICTURE: Final = base64.b64encode(png()).decode()
DONE: Final = {"state": "ready", "images": [PICTURE]}


def test_work_is_followed_to_its_end_and_watchers_hear_how_far_it_is() -> None:
    heard = Heard()
    states = ({"state": "queued"}, {"state": "painting", "percent": 40}, DONE)

    reply, server = outcome_of(WORK, claim_of(), states=states, news=heard)

    assert isinstance(reply, Reply)
    assert reply.pictures[0].data == png()
    assert server.polls == ["task/1"] * 3
    assert heard.told == [{"step": 40, "steps": 100}]
    assert server.cancelled == []


def test_work_that_is_done_at_once_is_not_asked_for() -> None:
    reply, server = outcome_of(WORK, claim_of(), answers({"id": 7, **DONE}))

    assert isinstance(reply, Reply)
    assert server.polls == []


def test_the_result_of_work_may_lie_elsewhere() -> None:
    async def scene(server: HttpServer, provider: Provider) -> None:
        server.files["work-1"] = answers_bytes(png("blue"), content_type="image/png")
        server.script = [answers({"id": "work-1"})]
        server.states = [{"state": "ready"}]
        reply = await provider.generate(claim_of())
        assert reply.pictures[0].data == png("blue")

    poll = WORK["poll"] | {"result": "/files/{id}"}
    play(scene, WORK | {"poll": poll, "answer": {"body": "image"}})


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("cannot do that", ModelError),
        ("NSFW content", ModelRefusedError),
        ("CUDA out of memory", ModelUnavailableError),
    ],
)
def test_work_that_failed_is_known_by_its_kind_and_not_quoted(
    said: str, kind: type[GenqError]
) -> None:
    call = WORK | {"answer": {"images": "images", "error": "log"}}
    broken = {"state": "broken", "log": said}

    failure, server = outcome_of(call, claim_of(), states=(broken,))

    assert isinstance(failure, GenqError)
    assert type(failure) is kind
    assert said not in failure.message
    assert server.cancelled == []


@pytest.mark.parametrize(
    "missed",
    [answers({}, 500), answers({}, 429), hangs_up()],
    ids=["a fault", "too often", "no answer"],
)
def test_a_question_that_fails_is_asked_again(missed: Answer) -> None:
    reply, server = outcome_of(WORK, claim_of(), states=(missed, missed, DONE))

    assert isinstance(reply, Reply)
    assert len(server.polls) == 3


def test_work_is_not_lost_because_its_server_is_asked_too_often() -> None:
    often = answers({}, 429)

    reply, server = outcome_of(WORK, claim_of(), states=(often, often, often, DONE))

    assert isinstance(reply, Reply)
    assert len(server.polls) == 4
    assert len(server.asked) == 1


def test_work_whose_server_is_always_asked_too_often_is_given_up_in_its_time() -> None:
    failure, server = outcome_of(WORK, claim_of(), states=(answers({}, 429),), silence=0.4)

    assert isinstance(failure, ModelTimeoutError)
    # Less and less often.
    assert len(server.polls) <= 3
    assert server.cancelled == ["task/1"]


def test_a_result_that_cannot_be_had_at_once_is_asked_for_again() -> None:
    said = [answers({}, 500), answers({}, 429), answers_bytes(png(), content_type="image/png")]

    async def file(request: web.Request) -> web.StreamResponse:
        return await said.pop(0)(request)

    async def scene(server: HttpServer, provider: Provider) -> None:
        server.files["task"] = file
        server.states = [{"state": "ready"}]
        assert (await provider.generate(claim_of())).pictures[0].data == png()
        assert len(server.asked) == 1

    poll = WORK["poll"] | {"result": "/files/task"}
    play(scene, WORK | {"poll": poll, "answer": {"body": "image"}})


@pytest.mark.parametrize(
    ("states", "kind", "polls"),
    [
        ((answers({}, 500),), ModelUnavailableError, 3),
        ((answers({}, 404),), ModelUnavailableError, 1),
        ((answers({}, 400),), ModelError, 1),
        (({"percent": 3},), ModelBadAnswerError, 1),
        ((answers_bytes(b"<html>"),), ModelBadAnswerError, 1),
    ],
)
def test_work_that_nobody_can_tell_of_any_more_is_a_failure_and_given_up(
    states: tuple[Any, ...], kind: type[GenqError], polls: int
) -> None:
    failure, server = outcome_of(WORK, claim_of(), states=states)

    assert type(failure) is kind
    assert len(server.polls) == polls
    assert server.cancelled == ["task/1"]


@pytest.mark.parametrize("name", [None, "", "..", {"a": 1}, True, "x" * 600])
def test_work_without_a_usable_name_is_a_bad_answer(name: object) -> None:
    failure, server = outcome_of(WORK, claim_of(), answers({"id": name}))

    assert type(failure) is ModelBadAnswerError
    assert server.polls == []


def test_work_that_takes_too_long_is_given_up() -> None:
    failure, server = outcome_of(WORK, claim_of(), states=({"state": "queued"},), silence=0.3)

    assert isinstance(failure, ModelTimeoutError)
    assert server.cancelled == ["task/1"]


def test_work_that_nobody_waits_for_is_given_up() -> None:
    async def scene(server: HttpServer, provider: Provider) -> None:
        server.states = [{"state": "queued"}]
        call = asyncio.create_task(provider.generate(claim_of()))
        await until(lambda: len(server.polls) > 0, "the work is asked for")
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await until(lambda: server.cancelled == ["task/1"], "the server is told")

    play(scene, WORK)


def test_the_job_is_named_in_every_call() -> None:
    claim = claim_of()

    _, server = outcome_of(PAINT, claim)

    assert server.asked[0].headers["x-genq-job"] == format_id("job", claim.job_id)
    assert claim.model == MODEL

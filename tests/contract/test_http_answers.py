"""Servers that the settings describe: what is made of their answers."""

import base64
from datetime import timedelta
from typing import Any, Final

import pytest

from schemas.embedding_vectors import floats_of
from schemas.errors import (
    GenqError,
    ModelBadAnswerError,
    ModelRateLimitedError,
    ModelRefusedError,
    ModelUnavailableError,
)
from schemas.generation import Kind, Usage
from tests.fixtures.http_scenes import PAINT, claim_of, outcome_of, play
from tests.fixtures.http_server import HttpServer
from tests.fixtures.model_server import (
    Answer,
    answers,
    answers_bytes,
    png,
)
from worker.providers.provider import Provider, Reply

PICTURE: Final = base64.b64encode(png()).decode()
URL: Final = f"data:image/png;base64,{PICTURE}"


BODIES: Final[dict[Kind, dict[str, str]]] = {
    Kind.CHAT: {"a": "{messages}", "n": "{n}"},
    Kind.EMBEDDING: {"a": "{input}"},
}


def reply_to(
    answer: dict[str, Any], told: Answer | dict[str, Any], kind: Kind = Kind.IMAGE, **given: Any
) -> Reply | GenqError:
    body = BODIES.get(kind, {"a": "{prompt}", "n": "{n}"})
    call = {"path": "/paint", "body": body, "answer": answer}
    said = answers(told) if isinstance(told, dict) else told
    return outcome_of(call, claim_of(kind, **given), said)[0]


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("/images", {"images": [PICTURE, URL]}),
        ("images[*]", {"images": [PICTURE, URL]}),
        ("data[*].b64", {"data": [{"b64": PICTURE}, {"b64": PICTURE}, {"b64": PICTURE}]}),
        ("/a~1b/0/c~0d", {"a/b": [{"c~d": [PICTURE, PICTURE]}]}),
        ("", [PICTURE, PICTURE]),
    ],
)
def test_pictures_are_found_where_the_description_says(place: str, told: Any) -> None:
    reply = reply_to({"images": place}, answers(told), prompt="a", n=2)

    assert isinstance(reply, Reply)
    assert [picture.data for picture in reply.pictures] == [png(), png()]
    assert reply.usage.images == 2


@pytest.mark.parametrize("link", ["{origin}/files/a", "/files/a"])
def test_links_lead_to_the_servers_own_pictures(link: str) -> None:
    async def scene(server: HttpServer, provider: Provider) -> None:
        server.files["a"] = answers_bytes(png("blue"), content_type="image/png")
        server.script = [answers({"url": link.replace("{origin}", server.origin)})]
        reply = await provider.generate(claim_of())
        assert [picture.data for picture in reply.pictures] == [png("blue")]

    play(scene, PAINT | {"answer": {"images": "url", "links": True}})


def test_a_link_to_another_private_place_is_refused() -> None:
    told = {"url": "http://169.254.169.254/latest"}

    failure = reply_to({"images": "url"}, told, prompt="a")

    assert isinstance(failure, GenqError)
    assert failure.code == "outbound_refused"


def test_the_answer_itself_may_be_the_picture_or_the_words() -> None:
    picture = reply_to({"body": "image"}, answers_bytes(png(), content_type="image/png"))
    words = reply_to(
        {"body": "text"}, answers_bytes("Ikarus ä".encode()), Kind.COMPLETION, prompt="a"
    )

    assert isinstance(picture, Reply)
    assert isinstance(words, Reply)
    assert picture.pictures[0].data == png()
    assert words.text == "Ikarus ä"


def test_words_come_with_their_reasons_and_costs() -> None:
    answer = {"text": "out[*].t", "finish_reason": "out[*].why", "input_tokens": "/u/i"}
    told = {"out": [{"t": "a\x00", "why": "length"}, {"t": "b", "why": "stop"}], "u": {"i": 4}}
    messages = [{"role": "user", "content": "x"}]

    reply = reply_to(answer, told, Kind.CHAT, messages=messages, n=2)

    assert isinstance(reply, Reply)
    assert reply.text == "a\ufffd"
    assert reply.usage == Usage(input_tokens=4)
    assert reply.details == {
        "finish_reason": "length",
        "choices": [
            {"finish_reason": "length", "text": "a\ufffd"},
            {"finish_reason": "stop", "text": "b"},
        ],
    }


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("/vectors", {"vectors": [[1, 2], [3, 4]]}),
        ("data[*].v", {"data": [{"v": [1, 2]}, {"v": [3, 4]}]}),
        ("/vectors", {"vectors": ["AACAPwAAAEA=", "AABAQAAAgEA="]}),
    ],
)
def test_vectors_come_as_numbers_or_as_bytes(place: str, told: dict[str, Any]) -> None:
    reply = reply_to({"embeddings": place}, told, Kind.EMBEDDING, input=["a", "b"])

    assert isinstance(reply, Reply)
    assert reply.details["dimensions"] == 2
    kept: Any = reply.details["embeddings"]
    assert [floats_of(vector) for vector in kept] == [[1, 2], [3, 4]]


WRONG: Final[dict[str, tuple[dict[str, Any], Answer, type[GenqError]]]] = {
    "no picture": ({"images": "/x"}, answers({"images": []}), ModelBadAnswerError),
    "none of them": ({"images": "/x"}, answers({"x": []}), ModelBadAnswerError),
    "no text": ({"images": "/x"}, answers({"x": [7]}), ModelBadAnswerError),
    "no base64": ({"images": "/x"}, answers({"x": "%%"}), ModelBadAnswerError),
    "half base64": ({"images": "/x"}, answers({"x": PICTURE[:40]}), ModelBadAnswerError),
    "a wrong link": (
        {"images": "/x", "links": True}, answers({"x": "//["}), ModelBadAnswerError,
    ),
    "no link": ({"images": "/x", "links": True}, answers({"x": ""}), ModelBadAnswerError),
    "very deep": (
        {"images": ""}, answers_bytes(b"[" * 900 + b"7" + b"]" * 900), ModelBadAnswerError,
    ),
    "too deep": ({"images": ""}, answers_bytes(b"[" * 9_000), ModelBadAnswerError),
    "a page": ({"images": "/x"}, answers_bytes(b"<html>"), ModelBadAnswerError),
    "an error": (
        {"images": "/x", "error": "/e"}, answers({"e": "out of luck"}), ModelUnavailableError,
    ),
    "an error's code": (
        {"images": "/x", "error": "/e"},
        answers({"e": {"code": "content_policy_violation"}}),
        ModelRefusedError,
    ),
    "an error for a picture": (
        {"body": "image", "error": "/e"}, answers({"e": "out of luck"}), ModelUnavailableError,
    ),
    "a page for a picture": ({"body": "image"}, answers_bytes(b"<h>"), ModelBadAnswerError),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_every_answer_that_is_not_as_described_is_a_clear_failure(wrong: str) -> None:
    answer, told, kind = WRONG[wrong]

    failure = reply_to(answer, told)

    assert isinstance(failure, GenqError)
    assert type(failure) is kind
    assert "out of luck" not in failure.message


def test_an_error_that_is_empty_is_none() -> None:
    told = {"images": [PICTURE], "error": "", "other": None}

    assert isinstance(reply_to({"images": "/images", "error": "/error"}, told), Reply)


def test_statuses_mean_what_the_description_says() -> None:
    claim = claim_of()
    teapot = answers({"images": [PICTURE]}, 418)
    good, _ = outcome_of(PAINT | {"success": [418]}, claim, teapot)
    bad, _ = outcome_of(PAINT | {"success": [418]}, claim, answers({"images": [PICTURE]}))
    full = answers({}, 503, {"retry-after": "3"})
    busy, _ = outcome_of(PAINT | {"busy": [503]}, claim, full)
    away, _ = outcome_of(PAINT, claim, full)

    assert isinstance(good, Reply)
    assert type(bad) is ModelBadAnswerError
    assert isinstance(busy, ModelRateLimitedError)
    assert busy.retry_after == timedelta(seconds=3)
    assert type(away) is ModelUnavailableError

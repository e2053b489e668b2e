"""Servers that the settings describe: what they are asked, and what their answers mean."""

import asyncio
import base64
from datetime import timedelta
from typing import Any, Final

import pytest

from schemas.embedding_vectors import floats_of
from schemas.errors import (
    GenqError,
    InputError,
    ModelBadAnswerError,
    ModelError,
    ModelRateLimitedError,
    ModelRefusedError,
    ModelTimeoutError,
    ModelUnavailableError,
)
from schemas.generation import Kind, Usage
from schemas.ids import format_id
from tests.fixtures.cog_scenes import Heard
from tests.fixtures.http_scenes import MODEL, PAINT, WORK, claim_of, outcome_of, play
from tests.fixtures.http_server import Asked, HttpServer
from tests.fixtures.model_server import (
    API_KEY,
    Answer,
    answers,
    answers_bytes,
    hangs_up,
    png,
)
from tests.fixtures.until import until
from worker.providers.provider import Provider, Reply

PICTURE: Final = base64.b64encode(png()).decode()
URL: Final = f"data:image/png;base64,{PICTURE}"
DONE: Final = {"state": "ready", "images": [PICTURE]}


def asked_of(call: dict[str, Any], kind: Kind = Kind.IMAGE, /, **given: Any) -> Asked:
    """Return how a job is put to a server; what becomes of it does not matter."""
    _, server = outcome_of(
        PAINT | call, claim_of(kind, **given), answers({"images": [PICTURE]})
    )
    (asked,) = server.asked
    return asked


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


# --- what is asked -------------------------------------------------------------------------


def test_placeholders_keep_their_types_and_what_is_not_given_is_left_out() -> None:
    body = {
        "text": "{prompt}, {{really}} at {width}x{height}",
        "seed": "{seed}",
        "inner": {"list": ["{n}", "{quality}", 7, None], "size": "{size}"},
        "steps": "{extra_body.steps}",
        "style": "{style}",
    }

    asked = asked_of(
        {"body": body}, prompt='a "kite"', size="640x480", seed=7, extra_body={"steps": [3]}
    )

    assert asked.body == {
        "text": 'a "kite", {really} at 640x480',
        "seed": 7,
        "inner": {"list": [1, 7, None], "size": "640x480"},
        "steps": [3],
    }


def test_the_key_is_the_bearer_token_unless_a_header_holds_it() -> None:
    plain = asked_of({})
    own = asked_of({"headers": {"X-Key": "k {api_key}", "x-job": "{job_id}"}})

    assert plain.headers["Authorization"] == f"Bearer {API_KEY}"
    assert own.headers["X-Key"] == f"k {API_KEY}"
    assert own.headers["x-job"] == own.headers["x-genq-job"]
    assert "Authorization" not in own.headers


def test_paths_are_encoded_so_that_a_prompt_stays_a_prompt() -> None:
    call = {"method": "PUT", "path": "/paint/{prompt}?seed={seed}", "body": None}

    asked = asked_of(call, prompt="../a kite?x=1&y/ä", seed=3)

    assert asked.path == "/paint/..%2Fa%20kite%3Fx%3D1%26y%2F%C3%A4?seed=3"


def test_a_get_needs_no_body() -> None:
    asked = asked_of({"method": "GET", "path": "/paint?p={prompt}&n={n}", "body": None})

    assert (asked.method, asked.path, asked.body) == ("GET", "/paint?p=a%20kite&n=1", None)


def test_edits_send_pictures_as_urls_as_base64_or_as_files() -> None:
    given: dict[str, Any] = {"prompt": "a", "images": [URL, URL], "mask": URL}
    body = {"first": "{images[0]}", "all": "{images.base64}", "mask": "{mask.base64}"}

    in_json = asked_of({"body": body, "unused": ["prompt"]}, Kind.IMAGE_EDIT, **given)
    form = {"prompt": "{prompt}", "image": "{images}", "mask": "{mask}", "n": "{n}"}
    in_form = asked_of({"body": None, "form": form}, Kind.IMAGE_EDIT, **given)

    assert in_json.body == {"first": URL, "all": [PICTURE, PICTURE], "mask": PICTURE}
    assert in_form.body == [
        ("prompt", None, "a"),
        ("image", "images-0.png", png()),
        ("image", "images-1.png", png()),
        ("mask", "mask-0.png", png()),
        ("n", None, "1"),
    ]


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"seed": 7}, "/input/seed"),
        ({"size": "64x64"}, "/input/size"),
        ({"n": 2}, "/input/n"),
        ({"extra_body": {"script": 1}}, "/input/extra_body"),
    ],
)
def test_what_a_call_cannot_carry_is_refused_and_costs_nothing(
    given: dict[str, Any], place: str
) -> None:
    call = PAINT | {"body": {"prompt": "{prompt}"}}

    failure, server = outcome_of(call, claim_of(prompt="a", **given))

    assert isinstance(failure, InputError)
    assert place in failure.message
    assert server.asked == []


def test_what_an_operator_lets_go_unused_and_what_leaves_it_to_the_model_is_taken() -> None:
    given: dict[str, Any] = {"n": 1, "size": "auto", "moderation": "low", "style": "vivid"}
    given |= {"prompt": "a"}

    assert asked_of({"body": {"p": "{prompt}"}, "unused": ["style"]}, **given).body == {
        "p": "a"
    }


def test_more_pictures_than_a_call_has_places_for_are_refused() -> None:
    call = PAINT | {"body": {"p": "{prompt}", "i": "{images[1]}"}}
    claim = claim_of(Kind.IMAGE_EDIT, prompt="a", images=[URL] * 3)

    failure, server = outcome_of(call, claim)

    assert isinstance(failure, InputError)
    assert "takes 2" in failure.message
    assert server.asked == []


def test_a_number_that_json_cannot_hold_is_refused() -> None:
    call = PAINT | {"body": {"p": "{prompt}", "e": "{extra_body}"}}

    failure, server = outcome_of(call, claim_of(prompt="a", extra_body={"a": 2**70}))

    assert isinstance(failure, InputError)
    assert server.asked == []


# --- what is answered ----------------------------------------------------------------------


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
    "no link": ({"images": "/x", "links": True}, answers({"x": ""}), ModelBadAnswerError),
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


# --- work that is waited for ---------------------------------------------------------------


def test_work_is_followed_to_its_end_and_watchers_hear_how_far_it_is() -> None:
    heard = Heard()
    states = ({"state": "queued"}, {"state": "painting", "percent": 40}, DONE)

    reply, server = outcome_of(WORK, claim_of(), states=states, news=heard)

    assert isinstance(reply, Reply)
    assert reply.pictures[0].data == png()
    assert server.polls == ["work/1"] * 3
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
    assert server.cancelled == ["work/1"]


@pytest.mark.parametrize("name", [None, "", "..", {"a": 1}, True, "x" * 600])
def test_work_without_a_usable_name_is_a_bad_answer(name: object) -> None:
    failure, server = outcome_of(WORK, claim_of(), answers({"id": name}))

    assert type(failure) is ModelBadAnswerError
    assert server.polls == []


def test_work_that_takes_too_long_is_given_up() -> None:
    failure, server = outcome_of(WORK, claim_of(), states=({"state": "queued"},), silence=0.3)

    assert isinstance(failure, ModelTimeoutError)
    assert server.cancelled == ["work/1"]


def test_work_that_nobody_waits_for_is_given_up() -> None:
    async def scene(server: HttpServer, provider: Provider) -> None:
        server.states = [{"state": "queued"}]
        call = asyncio.create_task(provider.generate(claim_of()))
        await until(lambda: len(server.polls) > 0, "the work is asked for")
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await until(lambda: server.cancelled == ["work/1"], "the server is told")

    play(scene, WORK)


def test_the_job_is_named_in_every_call() -> None:
    claim = claim_of()

    _, server = outcome_of(PAINT, claim)

    assert server.asked[0].headers["x-genq-job"] == format_id("job", claim.job_id)
    assert claim.model == MODEL

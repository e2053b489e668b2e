"""What a Cog server is asked, and every way in which it can answer wrongly."""

import base64
from datetime import timedelta
from typing import Final

import pytest
from pydantic import ValidationError

from schemas.errors import (
    GenqError,
    InputError,
    ModelAuthError,
    ModelBadAnswerError,
    ModelError,
    ModelRateLimitedError,
    ModelUnavailableError,
)
from schemas.generation import Kind
from schemas.ids import format_id
from schemas.model_catalog import ModelServer, ModelSpec
from schemas.protocols import Protocol
from tests.fixtures.claims import image_claim
from tests.fixtures.cog_scenes import MODEL, URL, Heard, claim_of, outcome_of
from tests.fixtures.cog_server import (
    Answer,
)
from tests.fixtures.model_server import (
    API_KEY,
    answers,
    answers_bytes,
    cuts,
    hangs_up,
    png,
)
from worker.progress import LiveNews
from worker.providers.provider import Reply


def test_a_prediction_is_asked_in_the_models_words_with_key_and_job() -> None:
    claim = image_claim(
        model=MODEL,
        attempt=2,
        fence=7,
        input={
            "prompt": "a kite",
            "n": 3,
            "size": "640x480",
            "seed": 7,
            "extra_body": {"guidance": 3.5},
        },
    )

    _, server = outcome_of(claim=claim, inputs={"seed": "random_seed"})

    ((name, headers, body),) = server.asked
    assert name == f"{format_id('job', claim.job_id)}-7"
    assert body == {
        "input": {
            "prompt": "a kite",
            "num_outputs": 3,
            "width": 640,
            "height": 480,
            "random_seed": 7,
            "guidance": 3.5,
        }
    }
    assert headers["Authorization"] == f"Bearer {API_KEY}"
    assert headers["x-genq-job"] == format_id("job", claim.job_id)


def test_a_model_that_does_not_stream_is_asked_for_the_whole() -> None:
    reply, server = outcome_of(news=Heard(), streams=False)

    assert isinstance(reply, Reply)
    assert [headers.get("Accept") for _, headers, _ in server.asked] == [
        "text/event-stream",
        "*/*",
    ]


EVENTS: Final = "text/event-stream"
WRONG: Final[dict[str, tuple[Answer, type[GenqError]]]] = {
    "starting": (answers({"error": "Setup has not finished."}, 503), ModelUnavailableError),
    "server error": (answers({}, 500), ModelUnavailableError),
    "rate limit": (answers({}, 429), ModelRateLimitedError),
    "wrong key": (answers({}, 401), ModelAuthError),
    "nothing there": (answers({}, 404), ModelError),
    "redirect": (answers_bytes(b"", 307, {"location": "http://127.0.0.1:1/"}), ModelError),
    "silence": (hangs_up(), ModelUnavailableError),
    "cut": (cuts(b'{"status": "succ', announced=500), ModelBadAnswerError),
    "html": (answers_bytes(b"<html>", content_type="text/html"), ModelBadAnswerError),
    "no output": (answers({"status": "succeeded"}), ModelBadAnswerError),
    "empty": (answers({"status": "succeeded", "output": []}), ModelBadAnswerError),
    "object": (answers({"status": "succeeded", "output": {"a": 1}}), ModelBadAnswerError),
    "no base64": (answers({"status": "succeeded", "output": f"{URL}%"}), ModelBadAnswerError),
    "text": (answers({"status": "succeeded", "output": "data:,x"}), ModelBadAnswerError),
    "no end": (answers({"status": "processing"}), ModelBadAnswerError),
    "cancelled": (answers({"status": "canceled"}), ModelUnavailableError),
    "stream without end": (
        answers_bytes(b"event: start\ndata: {}\n\n", content_type=EVENTS),
        ModelBadAnswerError,
    ),
    "stream of nonsense": (
        answers_bytes(b"event: completed\ndata: {x\n\n", content_type=EVENTS),
        ModelBadAnswerError,
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_every_wrong_answer_is_a_clear_failure(wrong: str) -> None:
    answer, wanted = WRONG[wrong]

    failure, server = outcome_of(answer)

    assert type(failure) is wanted
    assert len(server.asked) == 1


def test_half_a_picture_is_a_bad_answer() -> None:
    half = base64.b64encode(png()[:20]).decode()

    failure, _ = outcome_of(answers({"status": "succeeded", "output": f"{URL}{half}"}))

    assert type(failure) is ModelBadAnswerError


def test_a_server_that_says_when_is_asked_again_then() -> None:
    failure, _ = outcome_of(answers({}, 409, {"retry-after": "3"}))

    assert isinstance(failure, ModelRateLimitedError)
    assert failure.retry_after == timedelta(seconds=3)


def test_a_prediction_that_takes_too_long_is_given_up() -> None:
    failure, server = outcome_of(claim=claim_of("slow 50"), silence=0.3)

    assert isinstance(failure, ModelUnavailableError)
    assert server.cancelled == [server.asked[0][0]]


def test_two_pictures_for_a_model_of_one_are_refused_and_named() -> None:
    picture = f"{URL}AAAA"
    claim = image_claim(
        model=MODEL,
        kind=Kind.IMAGE_EDIT,
        input={"prompt": "a kite", "images": [picture, picture]},
    )

    failure, server = outcome_of(claim=claim, kind=Kind.IMAGE_EDIT)

    assert isinstance(failure, InputError)
    assert "/input/images" in failure.message
    assert server.asked == []


def test_edits_send_their_pictures_by_the_models_names() -> None:
    picture = f"{URL}AAAA"
    both = {"prompt": "a kite", "images": [picture, picture]}
    one = {"prompt": "a kite", "images": [picture], "mask": picture}

    asked = [
        outcome_of(
            claim=image_claim(model=MODEL, kind=Kind.IMAGE_EDIT, input=told),
            kind=Kind.IMAGE_EDIT,
            inputs=inputs,
        )[1].asked[0][2]["input"]
        for told, inputs in ((both, {"images": "image_input"}), (one, {}))
    ]

    assert asked == [
        {"prompt": "a kite", "image_input": [picture, picture]},
        {"prompt": "a kite", "image": picture, "mask": picture},
    ]


def test_the_words_of_a_language_model_are_put_together() -> None:
    claim = image_claim(model=MODEL, kind=Kind.COMPLETION, input={"prompt": "a kite"})
    said = answers({"status": "succeeded", "output": ["a ", "red", "\x00 kite"]})

    reply, _ = outcome_of(said, claim=claim, kind=Kind.COMPLETION)

    assert isinstance(reply, Reply)
    assert reply.text == "a red\ufffd kite"


@pytest.mark.parametrize(
    ("kind", "extra", "asked"),
    [
        (Kind.IMAGE, {"images": 5}, {"images": 5}),
        (Kind.IMAGE, {"images": {"a": 1}}, {"images": {"a": 1}}),
        (Kind.COMPLETION, {"size": "fixed"}, {"size": "fixed"}),
    ],
)
def test_what_a_caller_adds_goes_to_the_model_as_it_is(
    kind: Kind, extra: dict[str, object], asked: dict[str, object]
) -> None:
    claim = image_claim(model=MODEL, kind=kind, input={"prompt": "a", "extra_body": extra})

    _, server = outcome_of(claim=claim, kind=kind)

    assert server.asked[0][2]["input"] == {"prompt": "a", **asked}


def test_a_number_that_json_cannot_hold_is_refused() -> None:
    failure, server = outcome_of(claim=claim_of("a", extra_body={"guidance": 2**70}))

    assert isinstance(failure, InputError)
    assert server.asked == []


@pytest.mark.parametrize("output", [None, 7, {"text": "a"}, ["a", 7]])
def test_an_output_that_is_no_text_is_a_bad_answer(output: object) -> None:
    claim = image_claim(model=MODEL, kind=Kind.COMPLETION, input={"prompt": "a kite"})
    said = answers({"status": "succeeded", "output": output})

    failure, _ = outcome_of(said, claim=claim, kind=Kind.COMPLETION)

    assert type(failure) is ModelBadAnswerError


@pytest.mark.parametrize("wrong", ["stream of nonsense", "stream without end", "cut", "html"])
def test_a_prediction_whose_answer_cannot_be_read_is_given_up(wrong: str) -> None:
    answer, _ = WRONG[wrong]

    _, server = outcome_of(answer)

    assert server.cancelled == [server.asked[0][0]]


def test_a_kind_that_cog_does_not_know_is_refused_at_start() -> None:
    with pytest.raises(
        ValidationError, match=r"a cog server runs completion, image, image_edit"
    ):
        ModelServer(
            name="a",
            base_url="http://127.0.0.1:1",
            protocol=Protocol.COG,
            models=(ModelSpec(name="m", kind=Kind.CHAT),),
        )


def test_what_stands_for_live_news_has_what_is_called_of_it() -> None:
    assert all(hasattr(LiveNews, name) for name in ("is_watched", "progressed"))

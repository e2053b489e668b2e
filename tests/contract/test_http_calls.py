"""Servers that the settings describe: what they are asked."""

import base64
from typing import Any, Final

import pytest

from schemas.errors import (
    InputError,
)
from schemas.generation import Kind
from tests.fixtures.http_scenes import PAINT, claim_of, outcome_of
from tests.fixtures.http_server import Asked
from tests.fixtures.model_server import (
    API_KEY,
    answers,
    png,
)

PICTURE: Final = base64.b64encode(png()).decode()
URL: Final = f"data:image/png;base64,{PICTURE}"


def asked_of(call: dict[str, Any], kind: Kind = Kind.IMAGE, /, **given: Any) -> Asked:
    """Return how a job is put to a server; what becomes of it does not matter."""
    _, server = outcome_of(
        PAINT | call, claim_of(kind, **given), answers({"images": [PICTURE]})
    )
    (asked,) = server.asked
    return asked


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


@pytest.mark.parametrize(
    "changed",
    [
        {"body": {"p": "{prompt}", "e": "{extra_body}"}},
        {"body": {"p": "{prompt}", "e": "a {extra_body.a}"}},
        {"body": None, "form": {"p": "{prompt}", "e": "{extra_body.a}"}},
        {"path": "/paint?p={prompt}&e={extra_body.a}", "body": None, "method": "GET"},
    ],
)
def test_a_number_that_json_cannot_hold_is_refused(changed: dict[str, Any]) -> None:
    call = PAINT | changed

    failure, server = outcome_of(call, claim_of(prompt="a", extra_body={"a": 2**70}))

    assert isinstance(failure, InputError)
    assert server.asked == []

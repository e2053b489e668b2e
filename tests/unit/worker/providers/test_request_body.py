from typing import Any

import orjson
import pytest

from schemas.errors import InputError
from tests.fixtures.claims import chat_claim, image_claim
from worker.providers.request_body import request_body


def test_parameters_travel_as_they_were_accepted() -> None:
    stored = {"prompt": "x", "n": 2, "size": "512x512", "seed": 7}

    body = orjson.loads(request_body(image_claim(input=stored)))

    assert body == stored | {"model": "sim-image-1"}


def test_extra_body_stands_beside_the_other_parameters() -> None:
    stored = {"prompt": "x", "extra_body": {"steps": 30, "sampler": {"name": "euler"}}}

    body = orjson.loads(request_body(image_claim(input=stored, end_user="user-9")))

    assert body == {
        "prompt": "x",
        "steps": 30,
        "sampler": {"name": "euler"},
        "model": "sim-image-1",
        "user": "user-9",
    }


@pytest.mark.parametrize("name", ["n", "prompt", "model", "stream", "user", "extra_body"])
def test_extra_body_cannot_evade_a_checked_parameter(name: str) -> None:
    claim = image_claim(input={"prompt": "x", "extra_body": {name: 1}})

    with pytest.raises(InputError, match=name) as refusal:
        request_body(claim)

    assert [f.pointer for f in refusal.value.fields] == [f"/input/extra_body/{name}"]


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1])
def test_a_number_that_no_json_writer_takes_is_the_callers_mistake(number: Any) -> None:
    claim = chat_claim(input={"messages": [], "extra_body": {"big": number}})

    with pytest.raises(InputError, match="64 bits"):
        request_body(claim)

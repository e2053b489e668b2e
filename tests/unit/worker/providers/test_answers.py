import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from schemas.generation import Usage
from worker.providers.answers import storable, text_of, usage_of

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(documents)
def test_what_is_kept_of_an_answer_fits_into_jsonb(answer: JsonValue) -> None:
    kept = storable(answer)

    assert "\\u0000" not in json.dumps(kept, allow_nan=False).replace("\\\\", "")


@given(st.text())
def test_words_are_kept_but_for_nul(text: str) -> None:
    assert text_of({"content": text}) == text.replace("\x00", "\ufffd")


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": "a"}, "a"),
        ({"content": None}, None),
        ({}, None),
        ({"content": [{"type": "text", "text": "a"}, {"type": "x"}, "b", {"text": "c"}]}, "ac"),
        ({"content": None, "refusal": "I will not"}, "I will not"),
        ({"content": 5}, None),
    ],
)
def test_the_words_of_a_message_are_found(message: dict[str, Any], text: str | None) -> None:
    assert text_of(message) == text


@pytest.mark.parametrize(
    ("reported", "usage"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 5}, Usage(input_tokens=3, output_tokens=5)),
        ({"input_tokens": 3, "output_tokens": 5}, Usage(input_tokens=3, output_tokens=5)),
        ({"input_tokens": -1, "output_tokens": True}, Usage()),
        ({"input_tokens": "many", "output_tokens": 1.5}, Usage()),
        (
            {"input_tokens": 10**30, "output_tokens": 2**40},
            Usage(input_tokens=2**40, output_tokens=2**40),
        ),
        (None, Usage()),
        (["odd"], Usage()),
    ],
)
def test_only_plain_counts_are_believed(reported: Any, usage: Usage) -> None:
    assert usage_of(reported) == usage


def test_a_message_with_a_nul_survives_storage() -> None:
    assert orjson.dumps(storable({"a\x00": ["\x00b"]})) == '{"a\ufffd":["\ufffdb"]}'.encode()

"""What a job may ask of a model: OpenAI's names, and no other."""

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.generation import (
    BY_NUMBER,
    INPUTS,
    MAX_IMAGES,
    MAX_MESSAGES,
    MAX_PROMPT_CHARACTERS,
    ChatInput,
    ImageInput,
    Kind,
    Usage,
    wire_parameters,
)

USER: Final = {"role": "user", "content": "name a kite"}


def image(**parameters: Any) -> ImageInput:
    return ImageInput.model_validate({"prompt": "a kite"} | parameters)


def chat(**parameters: Any) -> ChatInput:
    return ChatInput.model_validate({"messages": [USER]} | parameters)


def test_every_kind_has_a_number_and_a_shape() -> None:
    assert {kind: BY_NUMBER[kind.number] for kind in Kind} == {kind: kind for kind in Kind}
    assert set(INPUTS) == set(Kind)
    # In the ledger for ever.
    assert (Kind.IMAGE.number, Kind.CHAT.number) == (1, 2)


def test_only_what_was_given_goes_to_the_model() -> None:
    assert wire_parameters(image()) == {"prompt": "a kite"}
    assert wire_parameters(image(n=1, seed=None)) == {"prompt": "a kite", "n": 1}
    assert wire_parameters(chat(temperature=0)) == {"messages": [USER], "temperature": 0}


@given(
    st.fixed_dictionaries(
        {"prompt": st.text(min_size=1, max_size=50).filter(lambda text: "\x00" not in text)},
        optional={
            "n": st.integers(1, MAX_IMAGES),
            "size": st.sampled_from(["auto", "512x512", "1024x1792", "16x9999"]),
            "seed": st.integers(0, 2**63 - 1),
            "quality": st.text(max_size=32),
            "style": st.text(max_size=32),
            "background": st.sampled_from(["transparent", "opaque", "auto"]),
            "moderation": st.sampled_from(["low", "auto"]),
            "output_format": st.sampled_from(["png", "jpeg", "webp"]),
            "output_compression": st.integers(0, 100),
            "extra_body": st.dictionaries(st.text(max_size=5), st.integers() | st.none()),
        },
    )
)
def test_parameters_pass_through_as_they_were_given(parameters: dict[str, Any]) -> None:
    assert wire_parameters(ImageInput.model_validate(parameters)) == parameters


@pytest.mark.parametrize(
    "wrong",
    [
        {"prompt": ""},
        {"prompt": "x" * (MAX_PROMPT_CHARACTERS + 1)},
        {"prompt": 7},
        {"n": 0},
        {"n": MAX_IMAGES + 1},
        {"n": "2"},
        {"n": 1.0},
        {"n": True},
        {"size": "big"},
        {"size": "1x1"},
        {"size": "0512x512"},
        {"size": "512X512"},
        {"size": "512x512\n"},
        {"size": "99999x512"},
        {"seed": -1},
        {"seed": 2**63},
        {"background": "blue"},
        {"output_format": "gif"},
        {"output_compression": 101},
        {"extra_body": []},
        {"sed": 7},
        {"model": "m"},
        {"response_format": "b64_json"},
    ],
)
def test_a_wrong_image_parameter_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        image(**wrong)

    assert {str(fault["loc"][0]) for fault in refused.value.errors()} == set(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"messages": []},
        {"messages": [USER] * (MAX_MESSAGES + 1)},
        {"messages": [{"role": "robot", "content": "x"}]},
        {"messages": [{"content": "x"}]},
        {"messages": [USER | {"mood": "good"}]},
        {"messages": "hello"},
        {"temperature": 2.1},
        {"temperature": float("nan")},
        {"top_p": -0.1},
        {"max_tokens": 0},
        {"stop": ["a"] * 5},
        {"seed": 2**63},
        {"tools": [{"type": "function"}] * 129},
        {"stream": True},
        {"n": 2},
    ],
)
def test_a_wrong_chat_parameter_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        chat(**wrong)

    assert {str(fault["loc"][0]) for fault in refused.value.errors()} == set(wrong)


def test_a_conversation_passes_through_with_its_parts_and_tools() -> None:
    parts: list[dict[str, Any]] = [
        {"type": "text", "text": "what is this?"},
        {"type": "image_url", "image_url": {}},
    ]
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages: list[dict[str, Any]] = [
        {"role": "developer", "content": "be brief"},
        {"role": "user", "content": parts},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "content": "7", "tool_call_id": "c1"},
    ]

    assert wire_parameters(chat(messages=messages)) == {"messages": messages}


def test_usage_that_was_not_told_is_unknown() -> None:
    assert Usage().model_dump() == {"input_tokens": None, "output_tokens": None, "images": None}

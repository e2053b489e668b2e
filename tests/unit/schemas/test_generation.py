"""What a job may ask of a model: OpenAI's names, and no other."""

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.chat_input import MAX_MESSAGES, ChatInput
from schemas.completion_input import MAX_PROMPTS
from schemas.cost import Cost, estimate, money, worth
from schemas.embedding_input import MAX_INPUTS
from schemas.embedding_vectors import floats_of, packed_floats
from schemas.errors import InputError
from schemas.generation import BY_NUMBER, INPUTS, Kind, Usage, refuse_repeated, wire_parameters
from schemas.image_edit_input import MAX_EDITED
from schemas.image_input import ImageInput
from schemas.model_catalog import Price
from schemas.parameters import MAX_CHOICES, MAX_IMAGES, MAX_PROMPT_CHARACTERS
from schemas.speech_input import MAX_SPOKEN

USER: Final = {"role": "user", "content": "name a kite"}


def image(**parameters: Any) -> ImageInput:
    return ImageInput.model_validate({"prompt": "a kite"} | parameters)


def chat(**parameters: Any) -> ChatInput:
    return ChatInput.model_validate({"messages": [USER]} | parameters)


def test_every_kind_has_a_number_and_a_shape() -> None:
    assert {kind: BY_NUMBER[kind.number] for kind in Kind} == {kind: kind for kind in Kind}
    assert set(INPUTS) == set(Kind)
    # In the ledger for ever.
    assert [kind.number for kind in Kind] == [1, 2, 3, 4, 5, 6]


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
        {"n": MAX_CHOICES + 1},
        {"logprobs": 5},
        {"verbosity": "chatty"},
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
    assert set(Usage().model_dump().values()) == {None}


FILE: Final = "file-01kbtk3j8vfp6ahs8xjwyd6xkd"
MADE: Final = "job_01kbtk3j8vfp6ahs8xjwyd6xkd/0"
PNG: Final = "data:image/png;base64,iVBORw0KGgo="
ASKED: Final[dict[Kind, dict[str, Any]]] = {
    Kind.EMBEDDING: {"input": "a kite"},
    Kind.COMPLETION: {"prompt": "A kite is"},
    Kind.IMAGE_EDIT: {"prompt": "make it red", "images": [FILE]},
    Kind.CHAT: {"messages": [USER]},
    Kind.SPEECH: {"input": "A kite.", "voice": "alloy"},
}


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (Kind.EMBEDDING, {"input": ["a", "b"], "dimensions": 256}),
        (Kind.EMBEDDING, {"input": [1, 2, 3]}),
        (Kind.EMBEDDING, {"input": [[1, 2], [3]]}),
        (Kind.COMPLETION, {"prompt": ["a", ""], "n": 2, "best_of": 3, "echo": True}),
        (Kind.COMPLETION, {"suffix": "end", "logprobs": 5, "max_tokens": 7, "stop": ["x"]}),
        (Kind.IMAGE_EDIT, {"images": [FILE, MADE, PNG], "mask": PNG, "n": 2, "size": "auto"}),
        (Kind.CHAT, {"n": 8, "logprobs": True, "top_logprobs": 20, "verbosity": "low"}),
        (Kind.SPEECH, {"voice": {"id": "voice_1"}, "speed": 0.25, "stream_format": "audio"}),
        (Kind.SPEECH, {"instructions": "softly", "response_format": "pcm", "speed": 4}),
        (Kind.CHAT, {"parallel_tool_calls": False, "prompt_cache_key": "k"}),
    ],
)
def test_what_openai_knows_of_a_kind_is_taken_as_it_is(
    kind: Kind, given: dict[str, Any]
) -> None:
    asked = ASKED[kind] | given
    assert wire_parameters(INPUTS[kind].model_validate(asked)) == asked


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (Kind.EMBEDDING, {"input": ""}),
        (Kind.EMBEDDING, {"input": []}),
        (Kind.EMBEDDING, {"input": ["a", ""]}),
        (Kind.EMBEDDING, {"input": ["a", 1]}),
        (Kind.EMBEDDING, {"input": [[1], []]}),
        (Kind.EMBEDDING, {"input": [True]}),
        (Kind.EMBEDDING, {"input": [-1]}),
        (Kind.EMBEDDING, {"input": [1.0]}),
        (Kind.EMBEDDING, {"input": ["a"] * (MAX_INPUTS + 1)}),
        (Kind.EMBEDDING, {"input": [[1]] * (MAX_INPUTS + 1)}),
        (Kind.EMBEDDING, {"input": {"a": 1}}),
        (Kind.EMBEDDING, {"dimensions": 0}),
        (Kind.EMBEDDING, {"encoding_format": "float"}),
        (Kind.COMPLETION, {"prompt": [1, 2]}),
        (Kind.COMPLETION, {"prompt": []}),
        (Kind.COMPLETION, {"prompt": None}),
        (Kind.COMPLETION, {"prompt": ["a"] * (MAX_PROMPTS + 1)}),
        (Kind.COMPLETION, {"logprobs": 6}),
        (Kind.COMPLETION, {"best_of": 0}),
        (Kind.SPEECH, {"input": ""}),
        (Kind.SPEECH, {"input": "x" * (MAX_SPOKEN + 1)}),
        (Kind.SPEECH, {"input": ["a"]}),
        (Kind.SPEECH, {"voice": None}),
        (Kind.SPEECH, {"voice": {"id": "a", "name": "b"}}),
        (Kind.SPEECH, {"response_format": "midi"}),
        (Kind.SPEECH, {"speed": 4.1}),
        (Kind.SPEECH, {"stream_format": "sse"}),
        (Kind.IMAGE_EDIT, {"images": []}),
        (Kind.IMAGE_EDIT, {"images": [FILE] * (MAX_EDITED + 1)}),
        (Kind.IMAGE_EDIT, {"images": ["ftp://example.com/kite.png"]}),
        (Kind.IMAGE_EDIT, {"images": ["file:///etc/passwd"]}),
        (Kind.IMAGE_EDIT, {"images": ["//example.com/kite.png"]}),
        (Kind.IMAGE_EDIT, {"images": ["/etc/passwd"]}),
        (Kind.IMAGE_EDIT, {"images": [f"{FILE}/../x"]}),
        (Kind.IMAGE_EDIT, {"images": ["data:image/svg+xml;base64,AAAA"]}),
        (Kind.IMAGE_EDIT, {"mask": "job_01kbtk3j8vfp6ahs8xjwyd6xkd"}),
        (Kind.IMAGE_EDIT, {"image": FILE}),
    ],
)
def test_a_wrong_parameter_of_a_kind_is_refused_in_one_place(
    kind: Kind, wrong: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError) as refused:
        INPUTS[kind].model_validate(ASKED[kind] | wrong)
    assert {str(fault["loc"][0]) for fault in refused.value.errors()} == set(wrong)


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (Kind.CHAT, {"top_logprobs": 2}),
        (Kind.COMPLETION, {"n": 3, "best_of": 2}),
    ],
)
def test_parameters_that_contradict_each_other_are_refused(
    kind: Kind, wrong: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError, match=r"top_logprobs needs|best_of must not"):
        INPUTS[kind].model_validate(ASKED[kind] | wrong)


def test_how_genq_asks_is_not_for_callers_to_say() -> None:
    for kind, name in (
        (Kind.EMBEDDING, "encoding_format"),
        (Kind.IMAGE_EDIT, "image"),
        (Kind.IMAGE_EDIT, "image[]"),
        (Kind.CHAT, "n"),
        (Kind.COMPLETION, "stream"),
        # Nobody could judge what these say.
        (Kind.COMPLETION, "prompt_token_ids"),
        (Kind.CHAT, "prompt_embeds"),
    ):
        with pytest.raises(InputError):
            refuse_repeated({name: 1}, kind)


def test_more_work_is_reckoned_to_cost_more() -> None:
    def tokens(kind: Kind, **given: Any) -> int:
        return estimate(kind, ASKED[kind] | given).tokens

    assert tokens(Kind.EMBEDDING, input=[[7] * 100] * 3) == 301
    assert tokens(Kind.EMBEDDING, input=["x" * 400] * 2) == 201
    one = tokens(Kind.COMPLETION, max_tokens=100)
    assert tokens(Kind.COMPLETION, max_tokens=100, n=3) == one + 200
    assert tokens(Kind.COMPLETION, max_tokens=100, best_of=5) == one + 400
    assert tokens(Kind.COMPLETION, prompt=["A kite is"] * 2, max_tokens=100) > one + 99
    assert tokens(Kind.CHAT, n=2) > tokens(Kind.CHAT) + 500
    read = estimate(Kind.EMBEDDING, {"input": [[7] * 100_000]})
    written = estimate(Kind.COMPLETION, {"prompt": "", "max_tokens": 100_000})
    assert 15 < written.units / read.units < 25
    edit = estimate(Kind.IMAGE_EDIT, ASKED[Kind.IMAGE_EDIT] | {"n": 3, "size": "1024x1024"})
    assert (edit.images, edit.units, edit.tokens) == (3, 3000, 0)


def test_speech_costs_by_its_characters() -> None:
    asked = {"input": "x" * 2_000, "voice": "alloy", "instructions": "y" * 400}
    price = Price(per_million_characters=15)

    assert estimate(Kind.SPEECH, asked) == Cost(2_000, tokens=601)
    assert money([price], asked, images=0, tokens=601) == 30_000
    took = estimate(Kind.SPEECH, asked)
    assert worth(price, asked, took=took, usage=Usage()) == 30_000
    # Of others nothing is spoken.
    assert money([price], {"input": "x" * 2_000}, images=0, tokens=500) == 0


@given(st.lists(st.floats(width=32, allow_nan=False), max_size=20))
def test_vectors_come_back_as_they_were_packed(numbers: list[float]) -> None:
    assert floats_of(packed_floats(numbers)) == numbers

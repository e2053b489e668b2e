"""What becomes of a prompt's flags: parameters, the lane, the model, or a refusal."""

from typing import Any

import pytest

from producer.check_input import check_input
from producer.prompt_flags import read_flags, typed_prompt
from schemas.errors import InputError
from schemas.generation import Kind
from schemas.job_request import JobRequest
from schemas.lanes import Lane
from schemas.model_catalog import ModelServer, ModelSpec
from schemas.protocols import Protocol


def _server(name: str, protocol: Protocol = Protocol.OPENAI, **spec: Any) -> ModelServer:
    told = {"name": "painter", "kind": Kind.IMAGE, **spec}
    models = (ModelSpec.model_validate(told),)
    return ModelServer(name=name, base_url="http://x.invalid", protocol=protocol, models=models)


PLAIN = _server("plain")
MAPPED = _server("mapped", flags={"no": "negative_prompt", "stylize": "style_strength"})
COG = _server("cog", Protocol.COG)


def _asked(prompt: str, **more: Any) -> JobRequest:
    wanted = {"prompt": prompt, **more.pop("input", {})}
    asked = {"kind": "image", "prompt_flags": True, "input": wanted, **more}
    return JobRequest.model_validate(asked)


def _faults(request: JobRequest, *servers: ModelServer) -> list[str]:
    with pytest.raises(InputError) as caught:
        read_flags(request, servers or (PLAIN,))
    assert all(fault.pointer == "/input/prompt" for fault in caught.value.fields)
    return [fault.message for fault in caught.value.fields]


def test_flags_become_parameters_and_the_prompt_loses_them() -> None:
    request = _asked("a kite --ar 16:9 --seed 7 --n 4 --relax --model painter --format webp")
    read = read_flags(request, (PLAIN,))

    assert read.input == {
        "prompt": "a kite", "size": "1344x768", "seed": 7, "n": 4, "output_format": "webp",
    }  # fmt: skip
    assert (read.lane, read.model) == (Lane.RELAX, "painter")
    assert typed_prompt(request, read.input) == request.input["prompt"]


def test_who_does_not_ask_keeps_the_prompt() -> None:
    request = _asked("a kite --ar 16:9", prompt_flags=False)
    plain = _asked("a kite -- or two")

    assert read_flags(request, (PLAIN,)) is request
    assert typed_prompt(request, request.input) is None
    assert read_flags(plain, (PLAIN,)) is plain


def test_a_ratio_takes_the_nearest_of_the_models_sizes() -> None:
    server = _server("own", sizes=["1024x1024", "1536x1024"])

    assert read_flags(_asked("a --ar 16:9"), (server,)).input["size"] == "1536x1024"


def test_what_a_server_calls_differently_goes_to_extra_body() -> None:
    asked = _asked("a --no text --s 250", input={"extra_body": {"steps": 4}})
    read = read_flags(asked, (MAPPED,))

    assert read.input["extra_body"] == {
        "steps": 4, "negative_prompt": "text", "style_strength": 250,
    }  # fmt: skip
    of_cog = read_flags(_asked("a --no text"), (COG,))
    assert of_cog.input["extra_body"] == {"negative_prompt": "text"}


def test_what_the_model_does_not_have_is_refused_with_its_place() -> None:
    lacks = "this model does not have it: leave it out, or ask its operator"

    assert _faults(_asked("a --no text --chaos 5")) == [
        f"character 3: --no: {lacks}",
        f"character 13: --chaos: {lacks}",
    ]
    differ = _faults(_asked("a --no text"), PLAIN, MAPPED)
    assert differ[0].endswith("call it differently: leave it out")


def test_what_the_request_says_too_is_refused() -> None:
    given = {"seed": 1, "n": 2, "extra_body": {"negative_prompt": "x"}}
    asked = _asked(
        "a --seed 2 --n 3 --no y --turbo --model other",
        input=given,
        lane="fast",
        model="painter",
    )

    assert [fault.split(": ", 1)[1] for fault in _faults(asked, MAPPED)][:2] == [
        "--seed: input has seed too: keep one",
        "--n: input has n too: keep one",
    ]
    assert any("names a lane too" in fault for fault in _faults(asked, MAPPED))
    assert any("names a model too" in fault for fault in _faults(asked, MAPPED))
    assert _faults(_asked("a --no y", input=given), MAPPED) == [
        "character 3: --no: extra_body has negative_prompt too: keep one"
    ]


def test_jobs_of_words_have_no_flags() -> None:
    chat = JobRequest(kind=Kind.CHAT, input={"messages": []}, prompt_flags=True)
    with pytest.raises(InputError) as caught:
        read_flags(chat, (PLAIN,))

    assert caught.value.fields[0].pointer == "/prompt_flags"


@pytest.mark.parametrize("flags", [{"ar": "ratio"}, {"no": ""}, {"no": "a b"}])
def test_settings_map_only_flags_that_are_mapped_to_names(flags: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="flags"):
        _server("wrong", flags=flags)


@pytest.mark.parametrize("given", ["text", ["a"], 7, False])
def test_an_extra_body_that_is_no_object_is_refused_and_not_replaced(given: Any) -> None:
    request = _asked("a kite --no rain", input={"extra_body": given})
    read = read_flags(request, (MAPPED,))
    assert read.input["extra_body"] == given
    with pytest.raises(InputError) as caught:
        check_input(read)
    assert [fault.pointer for fault in caught.value.fields] == ["/input/extra_body"]


def test_an_extra_body_of_null_is_none() -> None:
    request = _asked("a kite --no rain", input={"extra_body": None})
    read = read_flags(request, (MAPPED,))
    assert read.input["extra_body"] == {"negative_prompt": "rain"}

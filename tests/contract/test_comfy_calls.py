"""What a ComfyUI server is asked, and every way in which it can answer wrongly."""

import base64
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import pytest

from schemas.errors import (
    GenqError,
    InputError,
    ModelAuthError,
    ModelBadAnswerError,
    ModelError,
    ModelRateLimitedError,
    ModelRefusedError,
    ModelUnavailableError,
)
from schemas.ids import format_id
from schemas.model_errors import ModelMisconfiguredError
from tests.fixtures.comfy_scenes import (
    claim_of,
    edit_of,
    outcome_of,
    play,
)
from tests.fixtures.comfy_server import Answer, FaultyComfy
from tests.fixtures.model_server import (
    API_KEY,
    answers,
    answers_bytes,
    cuts,
    floods,
    hangs_up,
    png,
)
from worker.providers.provider import Provider, Reply

PROMPT: Final = ("POST", "/prompt")
HISTORY: Final = ("GET", "/history")
VIEW: Final = ("GET", "/view")
WS: Final = ("GET", "/ws")
URL: Final = "data:image/png;base64,"


def test_a_prompt_is_asked_in_the_workflows_words_with_key_and_job() -> None:
    claim = claim_of(
        "a red kite",
        n=2,
        size="96x64",
        seed=7,
        quality="high",
        extra_body={"negative_prompt": "rain", "steps": 3},
    )

    reply, server = outcome_of(claim=claim)

    assert isinstance(reply, Reply)
    assert [(one.width, one.height) for one in reply.pictures] == [(96, 64)] * 2
    assert reply.usage.images == 2
    assert reply.details == {"seed": 7, "ignored_parameters": ["quality"]}
    (asked,) = server.prompts()
    graph = asked["prompt"]
    assert graph["6"]["inputs"] == {"text": "a red kite", "clip": ["4", 1]}
    assert graph["7"]["inputs"]["text"] == "rain"
    assert graph["5"]["inputs"] == {"width": 96, "height": 64, "batch_size": 2}
    assert (graph["3"]["inputs"]["seed"], graph["3"]["inputs"]["steps"]) == (7, 3)
    assert str(UUID(asked["prompt_id"])) == asked["prompt_id"]
    (headers,) = [headers for how, path, headers, _ in server.asked if (how, path) == PROMPT]
    assert headers["Authorization"] == f"Bearer {API_KEY}"
    assert headers["x-genq-job"] == format_id("job", claim.job_id)


def test_without_a_seed_one_is_chosen_and_told_and_makes_the_same_picture_again() -> None:
    async def scene(server: FaultyComfy, provider: Provider) -> None:
        first = await provider.generate(claim_of("a kite"))
        other = await provider.generate(claim_of("a kite"))
        seed = first.details["seed"]
        again = await provider.generate(claim_of("a kite", seed=seed))

        assert seed != other.details["seed"]
        assert first.pictures != other.pictures
        assert first.pictures == again.pictures
        assert [one["prompt"]["3"]["inputs"]["seed"] for one in server.prompts()][::2] == [
            seed,
            seed,
        ]

    play(scene)


def test_what_a_workflow_only_shows_is_an_answer_where_its_node_is_named() -> None:
    saved, server = outcome_of()
    assert isinstance(saved, Reply)
    assert server.viewed == ["output"]

    shown, server = outcome_of(outputs=["10"])
    assert isinstance(shown, Reply)
    assert server.viewed == ["temp"]

    neither, _ = outcome_of(outputs=["8"])
    assert type(neither) is ModelBadAnswerError


REFUSED: Final[dict[str, tuple[Answer, type[GenqError]]]] = {
    "server error": (answers({}, 500), ModelUnavailableError),
    "starting": (answers({}, 503), ModelUnavailableError),
    "rate limit": (answers({}, 429), ModelRateLimitedError),
    "wrong key": (answers({}, 401), ModelAuthError),
    "nothing there": (answers({}, 404), ModelError),
    "redirect": (answers_bytes(b"", 307, {"location": "http://127.0.0.1:1/"}), ModelError),
    "silence": (hangs_up(), ModelUnavailableError),
    "cut": (cuts(b'{"prompt_id": "', announced=500), ModelBadAnswerError),
    "html": (answers_bytes(b"<html>", content_type="text/html"), ModelBadAnswerError),
    "no id": (answers({}), ModelBadAnswerError),
    "no comfyui": (answers({"detail": "no"}, 400), ModelError),
    "unknown node": (
        answers({"error": {"type": "missing_node_type"}, "node_errors": {}}, 400),
        ModelMisconfiguredError,
    ),
    "unknown node, older": (
        answers({"error": {"type": "invalid_prompt"}, "node_errors": []}, 400),
        ModelMisconfiguredError,
    ),
    "missing model": (
        answers(
            {
                "error": {"type": "prompt_outputs_failed_validation"},
                "node_errors": {
                    "4": {
                        "errors": [
                            {
                                "type": "value_not_in_list",
                                "extra_info": {"input_name": "ckpt_name"},
                            }
                        ]
                    }
                },
            },
            400,
        ),
        ModelMisconfiguredError,
    ),
}


@pytest.mark.parametrize("wrong", REFUSED)
def test_every_wrong_answer_to_a_prompt_is_a_clear_failure(wrong: str) -> None:
    answer, wanted = REFUSED[wrong]

    failure, server = outcome_of({PROMPT: answer})

    assert type(failure) is wanted
    assert server.count(*PROMPT) == 1
    assert API_KEY not in str(failure)


def test_a_server_that_says_when_is_asked_again_then() -> None:
    failure, _ = outcome_of({PROMPT: answers({}, 429, {"retry-after": "3"})})

    assert isinstance(failure, ModelRateLimitedError)
    assert failure.retry_after == timedelta(seconds=3)


WRONG: Final[dict[str, tuple[tuple[str, str], Answer]]] = {
    "history, cut": (HISTORY, cuts(b'{"', announced=500)),
    "history, html": (HISTORY, answers_bytes(b"<html>", content_type="text/html")),
    "history, list": (HISTORY, answers([])),
    "picture, gone": (VIEW, answers({}, 404)),
    "picture, cut": (VIEW, cuts(png(), announced=500)),
    "picture, half": (VIEW, answers_bytes(png()[:-12], content_type="image/png")),
    "picture, head": (VIEW, answers_bytes(png()[:20], content_type="image/png")),
    "picture, html": (VIEW, answers_bytes(b"<html>", content_type="text/html")),
    "picture, nothing": (VIEW, answers_bytes(b"", content_type="image/png")),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_every_wrong_answer_after_a_prompt_is_a_bad_answer(wrong: str) -> None:
    route, answer = WRONG[wrong]

    failure, _ = outcome_of({route: answer})

    assert type(failure) is ModelBadAnswerError


def test_a_picture_without_end_is_left_where_it_gets_too_large() -> None:
    failure, _ = outcome_of({VIEW: floods()})

    assert type(failure) is ModelBadAnswerError


BREAKS: Final[dict[str, tuple[str, type[GenqError]]]] = {
    "torch.OutOfMemoryError": ("Allocation on device", ModelUnavailableError),
    "RuntimeError": ("CUDA error: an illegal memory access", ModelUnavailableError),
    "ValueError": ("NSFW content detected", ModelRefusedError),
    "FileNotFoundError": ("models/a.safetensors", ModelMisconfiguredError),
    "TypeError": ("unsupported operand for secret words", ModelError),
}


@pytest.mark.parametrize("kind", BREAKS)
def test_an_exception_in_a_node_means_what_it_means(kind: str) -> None:
    message, wanted = BREAKS[kind]
    found: list[GenqError] = []

    async def scene(server: FaultyComfy, provider: Provider) -> None:
        server.breaks("a kite", kind, message)
        with pytest.raises(GenqError) as failure:
            await provider.generate(claim_of("a kite"))
        found.append(failure.value)
        # The next one is not held up by it.
        await provider.generate(claim_of("another"))

    play(scene)

    assert type(found[0]) is wanted
    assert message not in found[0].message


def test_a_parameter_that_a_node_refuses_is_named() -> None:
    failure, server = outcome_of(claim=claim_of("a kite", extra_body={"steps": 0}))

    assert type(failure) is ModelError
    assert "steps" in failure.message
    assert not server.server.queue.history


def test_a_workflow_of_which_the_wanted_part_is_refused_is_not_waited_for() -> None:
    told = {"8": {"errors": [], "dependent_outputs": ["9"]}}
    answer = answers({"prompt_id": "p", "number": 1, "node_errors": told})

    failure, server = outcome_of({PROMPT: answer}, outputs=["9"])

    assert type(failure) is ModelMisconfiguredError
    assert server.count(*HISTORY) == 0


def test_pictures_of_an_edit_are_sent_once_and_named_in_the_graph() -> None:
    picture = f"{URL}{base64.b64encode(png(size=(80, 64))).decode()}"

    reply, server = outcome_of(claim=edit_of("a kite", picture, mask=picture, seed=3))

    assert isinstance(reply, Reply)
    assert (reply.pictures[0].width, reply.pictures[0].height) == (80, 64)
    graph = server.prompts()[0]["prompt"]
    name = graph["1"]["inputs"]["image"]
    assert name.startswith("genq-")
    # There it is forgotten at the next start.
    assert name.endswith(".png [temp]")
    assert graph["2"]["inputs"] == {"image": name, "channel": "alpha"}
    assert server.count("POST", "/upload/image") == 1


PICTURE: Final = f"{URL}{base64.b64encode(png()).decode()}"
MISFITS: Final[dict[str, tuple[Any, str]]] = {
    "two pictures": (edit_of("a", PICTURE, PICTURE, mask=PICTURE), "/input/images"),
    "no mask": (edit_of("a", PICTURE), "/input/mask"),
    "no picture": (edit_of("a", f"{URL}AAAA", mask=PICTURE), "/input/images/0"),
    "size": (edit_of("a", PICTURE, mask=PICTURE, size="64x64"), "/input/size"),
    "several": (edit_of("a", PICTURE, mask=PICTURE, n=2), "/input/n"),
    "unknown": (claim_of("a", extra_body={"cgf": 1}), "/input/extra_body/cgf"),
    "link": (claim_of("a", extra_body={"steps": ["6", 0]}), "/input/extra_body/steps"),
    "large": (claim_of("a", extra_body={"steps": 2**70}), "/input/extra_body/steps"),
}


@pytest.mark.parametrize("misfit", MISFITS)
def test_what_a_workflow_has_no_place_for_is_refused_and_named(misfit: str) -> None:
    claim, place = MISFITS[misfit]

    failure, server = outcome_of(claim=claim)

    assert isinstance(failure, InputError)
    assert place in failure.message
    assert server.count(*PROMPT) == 0


def test_the_same_graph_is_not_run_again_and_yet_answered() -> None:
    async def scene(server: FaultyComfy, provider: Provider) -> None:
        first = await provider.generate(claim_of("a kite", seed=1))
        server.direct(latency=30)
        assert (await provider.generate(claim_of("a kite", seed=1))).pictures == first.pictures

    play(scene)

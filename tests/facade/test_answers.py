"""What OpenAI's client reads: texts, tool calls, vectors in both forms, models, tiers."""

import base64
from array import array
from typing import Any, Final

import pytest

from infra.settings import Settings
from producer.openai.chat import ChatCompletions
from producer.openai.embeddings import Embeddings
from producer.openai.endpoint import Defaults
from producer.openai.models import CREATED
from schemas.embedding_vectors import packed_floats
from schemas.errors import InputError
from schemas.generation import Kind
from schemas.lanes import Lane
from tests.api.served import new_key
from tests.facade.scene import CHAT, Scene, play

VECTORS: Final = [[0.25, -1.5, 3.0], [0.5, 0.0, -0.125]]


def test_lanes_are_tiers_of_service_and_the_tier_that_is_served_is_told(
    settings: Settings,
) -> None:
    async def scenario(here: Scene) -> None:
        relaxed = {"X-Genq-Lane": "relax"}
        asked: list[tuple[dict[str, Any], str, str | None]] = [
            ({"service_tier": "priority"}, "turbo", "priority"),
            ({"service_tier": "fast"}, "turbo", "priority"),
            ({"service_tier": "flex"}, "relax", "flex"),
            ({"service_tier": "auto"}, "fast", "default"),
            ({"service_tier": "default"}, "fast", "default"),
            ({"service_tier": "scale"}, "fast", "default"),
            ({}, "fast", None),
            ({"extra_headers": relaxed}, "relax", None),
            ({"extra_headers": relaxed, "service_tier": "auto"}, "relax", "flex"),
            ({"extra_headers": relaxed, "service_tier": "fast"}, "turbo", "priority"),
            (
                {"service_tier": "fast", "extra_body": {"genq": {"lane": "batch"}}},
                "batch",
                "flex",
            ),
        ]
        for more, lane, tier in asked:
            call = here.chat(**more)
            await here.api.end(await here.job(), text="x")
            answer = await call

            assert answer.service_tier == tier, more
            assert answer.model_extra is not None
            assert answer.model_extra["genq"]["lane"] == lane, more

    play(settings, scenario)


def test_whatever_else_a_call_says_of_its_job_is_kept_with_the_job(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        call = here.chat(
            safety_identifier="user-42",
            user="somebody",
            metadata={"order": "1"},
            store=False,
            moderation={"model": "m", "policy": {"input": {"mode": "block"}, "output": None}},
            seed=7,
            extra_body={"top_k": 40, "genq": {"tags": ["spring"], "priority": 2}},
        )
        await here.api.end(await here.job(), text="x")
        await call
        [job] = await here.jobs()

        assert job["end_user"] == "user-42"
        assert job["metadata"] == {"order": "1"}
        assert (job["tags"], job["priority"]) == (["spring"], 2)
        assert job["input"] == {
            "messages": CHAT["messages"],
            "seed": 7,
            "extra_body": {"top_k": 40},
        }
        raw = await here.api.http.get(f"/v1/jobs/{job['id']}")
        assert raw.status_code == 200

    play(settings, scenario)


def test_several_answers_refusals_and_tool_calls_come_as_the_model_gave_them(
    settings: Settings,
) -> None:
    calls = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    choices: list[dict[str, Any]] = [
        {"text": "a", "finish_reason": "stop", "logprobs": {"content": []}},
        {"finish_reason": "tool_calls", "message": {"tool_calls": calls}},
        {"text": "I will not", "finish_reason": "stop", "message": {"refusal": "I will not"}},
    ]

    async def scenario(here: Scene) -> None:
        call = here.chat(n=3)
        await here.api.end(await here.job(), result={**choices[0], "choices": choices})
        one, two, three = (await call).choices

        assert (one.index, one.message.content, one.finish_reason) == (0, "a", "stop")
        assert one.logprobs is not None
        assert two.message.content is None
        assert two.message.tool_calls is not None
        assert two.message.tool_calls[0].id == "c1"
        assert two.finish_reason == "tool_calls"
        assert (three.message.content, three.message.refusal) == (None, "I will not")

    play(settings, scenario)


def test_texts_are_completed_and_headers_tell_of_the_job(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        create = here.client.completions.with_raw_response.create
        call = here.begin(create(model="test-completion", prompt=["one", "two"]))
        job = await here.job()
        kept = [{"text": text, "finish_reason": "length"} for text in ("a", "b")]
        await here.api.end(job, result={**kept[0], "choices": kept})
        raw = await call
        answer = raw.parse()

        assert [choice.text for choice in answer.choices] == ["a", "b"]
        assert answer.id == job.replace("job_", "cmpl-")
        assert answer.object == "text_completion"
        assert raw.headers["x-genq-job-id"] == job
        assert raw.headers["openai-processing-ms"] == "1000"
        assert raw.headers["x-request-id"]

    play(settings, scenario)


@pytest.mark.parametrize("form", [None, "float", "base64"])
def test_vectors_come_in_either_form(settings: Settings, form: Any) -> None:
    async def scenario(here: Scene) -> None:
        more = {} if form is None else {"encoding_format": form}
        create = here.client.embeddings.with_raw_response.create
        call = here.begin(create(model="test-embedding", input=["a", "b"], **more))
        kept = {
            "embeddings": [packed_floats(vector) for vector in VECTORS],
            "dimensions": 3,
            "usage": {"input_tokens": 5},
        }
        await here.api.end(await here.job(), result=kept)
        raw = await call
        answer = raw.parse()

        sent = raw.http_response.json()["data"][1]["embedding"]
        if form == "float":
            assert sent == VECTORS[1]
        else:
            # What the SDK asks for by itself; it then decodes it.
            assert array("f", base64.b64decode(sent)).tolist() == VECTORS[1]
        if form != "base64":
            assert [one.embedding for one in answer.data] == VECTORS
        assert [one.index for one in answer.data] == [0, 1]
        assert answer.usage.prompt_tokens == answer.usage.total_tokens == 5
        # How numbers are written is no matter of the job.
        assert (await here.jobs())[0]["input"] == {"input": ["a", "b"]}

    play(settings, scenario)


@pytest.mark.parametrize("form", ["int8", {}, [], 1])
def test_a_form_of_vectors_that_there_is_not_is_refused(form: Any) -> None:
    body = {"input": "a", "encoding_format": form}
    with pytest.raises(InputError, match="must be float or base64"):
        Embeddings().request_of(body, Defaults())


def test_models_are_those_that_the_tenant_may_name(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        page = await here.client.models.list()
        found = {model.id: model for model in page.data}
        one = await here.client.models.retrieve("test-chat")

        assert {"test-image", "test-chat", "test-embedding", "test-completion"} <= found.keys()
        assert one == found["test-chat"]
        assert (one.object, one.created, one.owned_by) == ("model", CREATED, "painter")
        assert one.model_extra == {"genq": {"kinds": ["chat"]}}

        await here.sql("UPDATE tenant SET allowed_models = '{test-chat}' WHERE name = 'acme'")
        key = await new_key(here.api.services, "acme")
        page = await here.client.with_options(api_key=key).models.list()
        assert [model.id for model in page.data] == ["test-chat"]
        missing = await here.api.http.get("/v1/models/meta-llama/Llama-3.1-8B")
        assert missing.status_code == 404
        assert missing.json()["error"]["code"] == "model_not_found"
        assert "'meta-llama/Llama-3.1-8B'" in missing.json()["error"]["message"]

    play(settings, scenario)


def test_a_line_of_a_batch_has_the_lane_of_its_batch_unless_it_says_one() -> None:
    of_batch = Defaults(lane=Lane.BATCH, priority=7, end_user="ada")
    request = ChatCompletions().request_of({**CHAT, "service_tier": "auto"}, of_batch)
    faster = ChatCompletions().request_of({**CHAT, "service_tier": "flex"}, of_batch)

    assert (request.kind, request.lane, request.priority) == (Kind.CHAT, Lane.BATCH, 7)
    assert request.end_user == "ada"
    assert faster.lane is Lane.RELAX

"""What no response can be asked for is refused by its name; what changes nothing is taken."""

from typing import Any

import pytest
from openai import APIStatusError

from infra.settings import Settings
from tests.facade.asking import ADD, ASKED, input_of, job_of, responses_of
from tests.facade.scene import Scene, play

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"conversation": "conv_1"}, "conversation"),
    ({"previous_response_id": "resp_1"}, "previous_response_id"),
    ({"prompt": {"id": "pmpt_1"}}, "prompt"),
    ({"truncation": "auto"}, "truncation"),
    ({"background": True, "store": False}, "store"),
    ({"include": ["reasoning.encrypted_content"]}, "include.0"),
    ({"tools": [{"type": "web_search"}]}, "tools.0"),
    ({"tools": [{"type": "mcp", "server_label": "x"}]}, "tools.0"),
    ({"tools": [ADD, {"type": "image_generation"}]}, "tools"),
    ({"tools": [{"type": "image_generation", "action": "edit"}]}, "action"),
    ({"input": [{"type": "item_reference", "id": "x"}]}, "input.0"),
    (
        {"input": [{"role": "user", "content": [{"type": "input_file"}]}]},
        "input.0.content.0",
    ),
    ({"tool_choice": {"type": "mcp"}}, "tool_choice"),
]
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"input": None}, "input"),
    ({"input": [{"role": "robot", "content": ""}]}, "input.0.role"),
    ({"background": "yes"}, "background"),
    ({"messages": []}, "messages"),
    ({"max_tokens": 5}, "max_tokens"),
    ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
    ({"temprature": 1}, "temprature"),
    ({"temperature": 9}, "temperature"),
    ({"max_output_tokens": 0}, "max_output_tokens"),
]
HARMLESS = {
    "store": True,
    "truncation": "disabled",
    "parallel_tool_calls": False,
    "prompt_cache_key": "x",
    "user": "someone",
    "stream": False,
    "max_tool_calls": 3,
    "seed": 7,
    "top_k": 3,
}


def test_what_genq_cannot_do_is_refused_by_name(settings: Settings) -> None:
    async def scenario(here: Scene) -> None:
        for faults, code in ((REFUSED, "unsupported_parameter"), (WRONG, "invalid_request")):
            for body, param in faults:
                answer = await here.api.http.post("/v1/responses", json={**ASKED, **body})
                assert answer.status_code == 400, (body, answer.text)
                error = answer.json()["error"]
                assert (error["code"], error["param"]) == (code, param), error
        made = await here.api.http.post(
            "/v1/responses", json={**ASKED, **HARMLESS, "background": True}
        )
        told = await input_of(here, job_of(made.json()["id"]))
        assert (told["seed"], told["extra_body"]) == (7, {"top_k": 3})
        with pytest.raises(APIStatusError) as unknown:
            await responses_of(here).create(model="nobody", input="hi")
        assert (unknown.value.status_code, unknown.value.code) == (404, "model_not_found")

    play(settings, scenario)

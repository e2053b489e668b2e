"""Workflows of ComfyUI as they are configured: what does not fit is said at the start."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from pydantic import ValidationError

from schemas.errors import SettingsError
from schemas.model_catalog import ModelServer
from worker.providers.comfy_input import Asked, Workflow, graph_of, open_workflow

GRAPH: Final[dict[str, Any]] = {
    "3": {"class_type": "KSampler", "inputs": {"seed": 1, "positive": ["6", 0]}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ""}},
    "57:8": {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "a.b": 1}},
}
INPUTS: Final = {"prompt": "6.text"}


def server(workflow: Mapping[str, Any] | None, **more: Any) -> ModelServer:
    model: dict[str, Any] = {"name": "kites", "kind": "image"} | more.pop("model", {})
    if workflow is not None:
        model["workflow"] = {"inputs": INPUTS, **workflow}
    told = {"name": "comfy", "base_url": "http://127.0.0.1:1", "protocol": "comfyui"}
    return ModelServer.model_validate(told | {"models": [model]} | more)


def opened(workflow: Mapping[str, Any], **more: Any) -> Workflow:
    one = server(workflow, **more)
    return open_workflow(one, one.models[0])


def test_a_workflow_is_read_from_a_file_or_stands_in_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "kites.json"
    file.write_bytes(orjson.dumps(GRAPH))
    script = tmp_path / "request.json"
    script.write_bytes(orjson.dumps({"prompt": GRAPH, "client_id": "a"}))
    places = {"prompt": ["6.text"], "seed": "3.seed", "sharpness": "57:8.a.b"}

    for told in ({"file": str(file)}, {"file": str(script)}, {"graph": GRAPH}):
        workflow = opened({**told, "inputs": places, "outputs": ["57:8"]})
        assert workflow.graph == GRAPH
        assert workflow.told.targets("sharpness") == (("57:8", "a.b"),)
        assert workflow.told.name_of("3", "seed") == "seed"


def test_a_server_is_known_by_what_does_not_change() -> None:
    one = server({"graph": GRAPH, "outputs": [3]})

    assert hash(one) == hash(server({"graph": GRAPH, "outputs": [3]}))
    assert ModelServer.model_validate(one.model_dump()) == one
    # ComfyUI runs one at a time.
    assert one.concurrency == 2
    assert server({"graph": GRAPH}, concurrency=9).concurrency == 9


MISFITS: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "no node": ({"inputs": {"prompt": "5.text"}}, "prompt: there is no node 5; there are 3, 6"),
    "no input": ({"inputs": {"prompt": "6.txt"}}, "node 6 has no input txt; it has text"),
    "linked": ({"inputs": {"prompt": "3.positive"}}, "3.positive comes from node 6"),
    "no prompt": ({"inputs": {"seed": "3.seed"}}, "image needs a place for prompt"),
    "no output": ({"outputs": ["10"]}, "outputs: there is no node 10"),
    "editor": ({"graph": {"nodes": [], "links": []}}, r"what the editor saves.*Export \(API\)"),
    "no nodes": ({"graph": {}}, "no table of nodes"),
    "no graph": ({"graph": {"6": "text"}}, "a node 6 without inputs"),
    "no class": ({"graph": {"6": {"inputs": {"text": ""}}}}, "a node 6 without class_type"),
    "no JSON": ({"graph": "{"}, "graph is not JSON"),
}


@pytest.mark.parametrize("misfit", MISFITS)
def test_what_does_not_fit_is_said_with_the_server_the_model_and_the_place(misfit: str) -> None:
    workflow, said = MISFITS[misfit]

    with pytest.raises(SettingsError, match=f"comfy: kites: workflow: .*{said}"):
        opened({"graph": GRAPH} | workflow)


def test_an_edit_needs_a_place_for_its_picture() -> None:
    with pytest.raises(SettingsError, match="image_edit needs a place for images"):
        opened({"graph": GRAPH}, model={"kind": "image_edit"})


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for file, said in ((tmp_path, "Is a directory"), (tmp_path / "a", "No such file")):
        with pytest.raises(SettingsError, match=f"{file}: {said}"):
            opened({"file": str(file)})
    (tmp_path / "b").write_bytes(b"\xff\xfe{")
    with pytest.raises(SettingsError, match="b is not JSON"):
        opened({"file": str(tmp_path / "b")})


@pytest.mark.parametrize(
    ("workflow", "more", "said"),
    [
        (None, {}, "a comfyui server needs a workflow"),
        ({"graph": GRAPH}, {"protocol": "openai"}, "does not run a workflow"),
        ({}, {}, "either file or graph"),
        ({"graph": GRAPH, "file": "a"}, {}, "either file or graph"),
        ({"graph": GRAPH, "inputs": {"prompt": "text"}}, {}, "should match pattern"),
        ({"graph": GRAPH, "inputs": {"prompt": []}}, {}, "at least 1 item"),
        ({"graph": GRAPH}, {"model": {"inputs": {"n": "b"}}}, "write its inputs into workflow"),
        (
            {"graph": GRAPH},
            {"model": {"kind": "chat"}},
            "a comfyui server runs image, image_edit",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_settings(
    workflow: dict[str, Any] | None, more: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        server(workflow, **more)


def test_no_prompt_saves_what_an_earlier_one_saved() -> None:
    saved = {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": "k"}}
    linked = {"class_type": "SaveImage", "inputs": {"filename_prefix": ["6", 0]}}
    graph = GRAPH | {"9": saved, "10": linked}
    workflow = opened({"graph": graph, "outputs": ["57:8", "9", "10"]})
    asked = Asked({"prompt": "a"}, {}, None, ())

    first, second = (graph_of(workflow, asked, {}, prompt_id=one) for one in ("p1", "p2"))

    assert first["9"]["inputs"]["filename_prefix"] == "k-p1"
    assert first["10"]["inputs"]["filename_prefix"] == ["6", 0]
    assert all(first[node] != second[node] for node in ("57:8", "9", "10"))
    # The rest need not run again.
    assert all(first[node] == second[node] for node in ("3", "6"))
    assert workflow.graph == graph

"""Adapters that other distributions bring: found, opened, or refused in plain words."""

import asyncio
import json
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest

from schemas.generation import Kind
from schemas.model_catalog import ModelServer, ModelSpec
from tests.fixtures import kiln_program
from tests.fixtures.claims import image_claim
from tests.fixtures.http_server import http_server
from tests.fixtures.kiln_package import install_kiln
from tests.fixtures.model_server import PATIENCE
from tests.fixtures.provider_scenes import opened
from tests.fixtures.warm_python import start_warm

INSTALLED: Final = (
    ("genq-kiln", "kiln = genq_kiln:open_kiln"),
    ("genq-odd", "absent = genq_absent:open_it\nmute = genq_odd:Kiln\ntwice = genq_odd:a"),
    ("genq-other", "twice = genq_other:open_kiln\ncareless = genq_other:open_careless"),
)
# An adapter that breaks its word in every way, by the prompt's job.
CARELESS: Final = """

class Careless:
    async def generate(self, claim):
        return {Kind.IMAGE: Reply(), Kind.CHAT: "words", Kind.COMPLETION: None}[claim.kind]


class OpenCareless:
    kinds = ("image", "chat", "completion", "embedding")

    def __call__(self, server, parts):
        if any(spec.kind == "embedding" for spec in server.models):
            raise ZeroDivisionError("of its own")
        return Careless()


open_careless = OpenCareless()
"""
SAID: Final[dict[str, str]] = {
    "kiln:chat": "sim-image-1: the adapter kiln runs image, not chat",
    "absent:image": "the adapter absent cannot be imported (ModuleNotFoundError)",
    "mute:image": "the adapter mute does not say what it runs",
    "twice:image": "several distributions bring the adapter twice",
    "nobody:image": "installed adapters: absent (of genq-odd), careless (of genq-other), kiln",
    "careless:embedding": "the adapter careless fails to open (ZeroDivisionError)",
    "careless:image": "gave an answer without a picture",
    "careless:chat": "that its adapter did not put into a Reply",
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What a process says of each case, in whose environment the distributions are."""
    folder = tmp_path_factory.mktemp("installed")
    for name, points in INSTALLED:
        install_kiln(folder, name=name, points=points)
    with (folder / "genq_other" / "__init__.py").open("a") as file:
        file.write(CARELESS)

    async def scene() -> None:
        program = ["-m", kiln_program.__name__, str(folder), str(folder / "said")]
        async with http_server() as server:
            process = start_warm([*program, server.origin, "kiln:image", *SAID], {})
            assert await asyncio.wait_for(process.wait(), PATIENCE) == 0

    asyncio.run(scene())
    lines = [json.loads(line) for line in (folder / "said").read_text().splitlines()]
    return {line["case"]: line for line in lines}


def test_an_installed_adapter_runs_jobs_by_its_name(told: dict[str, dict[str, Any]]) -> None:
    assert told["kiln:image"]["pictures"] == [12, 12]


@pytest.mark.parametrize("case", SAID)
def test_an_adapter_that_cannot_be_used_is_refused_in_plain_words(
    told: dict[str, dict[str, Any]], case: str
) -> None:
    line = told[case]
    said = line.get("refused") or line["failed"]

    assert SAID[case] in said
    assert "oven" in said
    # What is wrong at start is a setting; what is wrong later is the server's answer.
    at_start = not case.startswith("careless") or case.endswith("embedding")
    assert line["code"] == ("invalid_settings" if at_start else "model_bad_answer")


LATE: Final = """

class Late:
    def __init__(self, server, parts):
        self.server, self.parts = server, parts

    async def generate(self, claim):
        opened.append(self.parts.session(self.server))
        return Reply(text="a word")


class OpenLate:
    kinds = ("completion",)

    def __call__(self, server, parts):
        return Late(server, parts)


opened = []
open_late = OpenLate()
"""


def test_what_an_adapter_opens_with_a_job_is_closed_with_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = install_kiln(tmp_path / "a", name="genq-late", points="late = genq_late:open_late")
    with (folder / "genq_late" / "__init__.py").open("a") as file:
        file.write(LATE)
    monkeypatch.syspath_prepend(str(folder))
    spec = ModelSpec(name="sim-image-1", kind=Kind.COMPLETION)
    server = ModelServer(
        name="kites", base_url="http://127.0.0.1:1", protocol="late", models=(spec,)
    )

    async def scene() -> None:
        async with opened(server, silence=1, news=None) as provider:
            await provider.generate(image_claim(kind=Kind.COMPLETION, input={"prompt": "a"}))
            (session,) = import_module("genq_late").opened
            assert not session.closed
        assert session.closed

    asyncio.run(scene())

"""The one detector that opens a socket, against a server that speaks OpenAI's moderation."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from infra.clock import SystemClock
from infra.safety.detectors.openai_moderation import OpenAIModeration, data_url
from infra.safety.detectors_in_order import Detectors
from infra.safety.moderator import Moderator
from infra.safety.policy_file import default_policy
from schemas.policy import Policy, resolve
from schemas.safety import (
    Action,
    Coverage,
    Medium,
    Picture,
    Stage,
    Subject,
    Verdict,
)
from schemas.tenant_plan import SafetyLevel
from tests.fixtures.judging import Frank
from tests.fixtures.model_server import (
    ScriptedModelServer,
    answers,
    error_answer,
    model_server,
    png,
)

Scene = Callable[[ScriptedModelServer, Moderator], Awaitable[None]]


def policy(level: SafetyLevel = SafetyLevel.STANDARD, **remote: Any) -> Policy:
    """The policy that comes with genq, with other words for the remote detector."""
    document = default_policy()
    rule = document.detectors["OpenAIModeration"].model_copy(update=remote)
    detectors = {**document.detectors, "OpenAIModeration": rule}
    return resolve(document.model_copy(update={"detectors": detectors}), None, level)


def text(words: str = "a kite") -> Subject:
    """A prompt."""
    return Subject(Stage.PROMPT, Medium.TEXT, 1, text=words)


def scores(**found: float) -> dict[str, Any]:
    """The body of an answer."""
    flags = {name: score > 0.5 for name, score in found.items()}
    return {
        "id": "modr-1",
        "model": "omni-moderation-2024-09-26",
        "results": [
            {"flagged": any(flags.values()), "categories": flags, "category_scores": found}
        ],
    }


def play(scene: Scene) -> None:
    """Run a scene with a scripted server, and a moderator that asks it."""

    async def run() -> None:
        async with model_server() as server:
            remote = OpenAIModeration(
                url=server.base_url, key="k", model="omni-x", clock=SystemClock()
            )
            detectors = Detectors(models=(Frank(),), remote=(remote,))
            moderator = Moderator(detectors, SystemClock())
            try:
                await scene(server, moderator)
            finally:
                await moderator.close()

    asyncio.run(run())


def by_itself(verdict: Verdict) -> str | None:
    """How the remote detector's run is noted."""
    return next(r.note for r in verdict.detectors if r.detector == "OpenAIModeration")


def test_a_server_that_asks_for_patience_twice_is_heard_in_the_end() -> None:
    async def scene(server: ScriptedModelServer, moderator: Moderator) -> None:
        busy = error_answer(429, headers={"retry-after-ms": "1"})
        server.script = [busy, busy, answers(scores(violence=0.9))]
        verdict = await moderator.evaluate(text(), policy())
        assert verdict.action is Action.BLOCK
        assert verdict.categories["violence"] == 0.9
        assert by_itself(verdict) is None
        asked = {"input": "a kite", "model": "omni-x"}
        assert [call.body for call in server.calls] == [asked] * 3

    play(scene)


@pytest.mark.parametrize(
    ("level", "action"), [("standard", Action.ALLOW), ("strict", Action.REVIEW)]
)
def test_what_silence_means_the_policy_says(level: str, action: Action) -> None:
    async def scene(server: ScriptedModelServer, moderator: Moderator) -> None:
        server.script = [server.hang()]
        wanted = policy(SafetyLevel(level), timeout_s=0.05)
        verdict = await moderator.evaluate(text(), wanted)
        assert verdict.coverage is Coverage.PARTIAL
        assert by_itself(verdict) == "timeout"
        assert verdict.action is action

    play(scene)


def test_a_category_that_nobody_knows_counts_as_other() -> None:
    async def scene(server: ScriptedModelServer, moderator: Moderator) -> None:
        server.script = [answers(scores(levitation=0.6))]
        verdict = await moderator.evaluate(text(), policy())
        assert verdict.categories == {"other": 0.6}
        assert verdict.action is Action.FLAG

    play(scene)


@pytest.mark.parametrize(
    "words", ["[sexual_minors 0.9]", "[weapons_mass_harm 0.35]", "[violence 0.9]"]
)
def test_what_a_floor_has_found_never_leaves_this_machine(words: str) -> None:
    """Nor does anything that is blocked already, for whatever reason."""

    async def scene(server: ScriptedModelServer, moderator: Moderator) -> None:
        verdict = await moderator.evaluate(text(words), policy())
        assert by_itself(verdict) == "skipped"
        assert server.calls == []

    play(scene)


def test_a_picture_is_sent_drawn_anew() -> None:
    """What hides in the file behind the pixels stays here."""
    hidden = png(size=(64, 32)) + b"a secret behind the picture"

    async def scene(server: ScriptedModelServer, moderator: Moderator) -> None:
        server.script = [answers(scores(violence=0.1))]
        subject = Subject(Stage.OUTPUT, Medium.IMAGE, 1, picture=Picture(hidden))
        verdict = await moderator.evaluate(subject, policy())
        assert verdict.coverage is Coverage.FULL
        (part,) = server.calls[0].body["input"]
        head, _, body = part["image_url"]["url"].partition(",")
        sent = base64.b64decode(body)
        assert head == "data:image/jpeg;base64"
        assert b"secret" not in sent
        assert Image.open(BytesIO(sent)).size == (64, 32)

    play(scene)


def test_grey_of_16_bits_is_sent_as_grey_and_not_as_white() -> None:
    file = BytesIO()
    Image.new("I;16", (64, 64), 128 * 257).save(file, "PNG")
    sent = base64.b64decode(data_url(Picture(file.getvalue())).partition(",")[2])
    assert Image.open(BytesIO(sent)).convert("L").getextrema() == (128, 128)


def test_a_server_that_fails_again_and_again_is_left_alone() -> None:
    async def scene(server: ScriptedModelServer, moderator: Moderator) -> None:
        server.script = [answers({"results": []}) for _ in range(5)]
        notes = [by_itself(await moderator.evaluate(text(), policy())) for _ in range(6)]
        assert notes == ["failed"] * 5 + ["open"]
        assert len(server.calls) == 5

    play(scene)

"""Of a page the classifier can tell what it can tell of its sentences."""

import asyncio

import pytest

from infra.safety.opening import open_moderator
from infra.safety.policy_file import default_policy
from infra.safety.sentences import SHORT, pieces_of
from infra.settings import Settings
from infra.simulator.prose import paragraph
from schemas.policy import resolve
from schemas.safety import Action, Medium, Stage, Subject
from schemas.tenant_plan import SafetyLevel

POLICY = resolve(default_policy(), None, SafetyLevel.STANDARD)
QUESTIONS = ("a red kite", "the history of bread", "how bees make honey", "my first day")
PROSE = [paragraph(question, n) for n in range(10) for question in QUESTIONS]
FIRST = "This is the first sentence of several ones."
SECOND = "And here is the second one, which is longer than the other by far."
BAD = "Tell me how to build a pipe bomb at home."


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("One. Two. Three.", ["One. Two. Three."]),
        (f"{FIRST} Short. {SECOND} d[k] = v", [FIRST, f"Short. {SECOND} d[k] = v"]),
        ("word " * 50, [" ".join(["word"] * 17)] * 2 + [" ".join(["word"] * 16)]),
        ("", [""]),
    ],
)
def test_a_text_is_cut_into_sentences_that_say_something(text: str, pieces: list[str]) -> None:
    assert pieces_of(text) == pieces
    assert all(len(piece.split()) <= 2 * SHORT for piece in pieces_of(text))


@pytest.mark.parametrize("stage", [Stage.PROMPT, Stage.OUTPUT])
def test_ordinary_pages_are_not_blocked_and_one_bad_sentence_in_them_is_seen(
    stage: Stage,
) -> None:
    moderator = open_moderator(Settings.model_construct())

    async def actions(texts: list[str]) -> list[Action]:
        subjects = [Subject(stage, Medium.TEXT, 1, text=text) for text in texts]
        return [verdict.action for verdict in await moderator.evaluate_all(subjects, POLICY)]

    ordinary = asyncio.run(actions(PROSE))
    assert max(ordinary) <= Action.FLAG
    assert sum(action is Action.ALLOW for action in ordinary) >= 0.8 * len(ordinary)
    spoilt = [f"{one} {BAD} {other}" for one, other in zip(PROSE[:8], PROSE[8:16], strict=True)]
    assert min(asyncio.run(actions(spoilt))) >= Action.FLAG

"""Outputs that are too long to be read: their ends are, and stretches in between."""

import asyncio
from collections.abc import Mapping
from itertools import pairwise

import pytest

from infra.clock import SystemClock
from infra.safety.detectors_in_order import Detectors
from infra.safety.excerpts import excerpts
from infra.safety.limits import OUTPUT_CHARS
from infra.safety.moderation import Judged, Moderation
from infra.safety.moderator import Moderator
from infra.safety.parts import Part, Whose
from infra.safety.policy_file import default_policy
from infra.safety.sentences import MOST, looked_at
from schemas.policy import Policy, resolve
from schemas.safety import Action, Coverage, Stage
from schemas.tenant_plan import SafetyLevel
from tests.fixtures.judging import Frank

BAD = "[violence 0.9]"


class _Default:
    async def of(self, tenant_id: int, level: SafetyLevel) -> Policy:
        del tenant_id
        return resolve(default_policy(), None, level)


def _judged(text: str, level: SafetyLevel, more: Mapping[str, str] | None = None) -> Judged:
    frank = Frank()
    moderator = Moderator(Detectors(models=(frank,)), SystemClock())
    judge = Moderation(moderator, _Default()).judge_output(
        text, {"message": more or {}}, [], Whose(1), level
    )
    judged = asyncio.run(judge)
    assert judged is not None
    # However long it is, what is read of it is not.
    assert sum(map(len, frank.seen)) <= 2 * OUTPUT_CHARS
    return judged


@pytest.mark.parametrize("length", [OUTPUT_CHARS + 1, 250_000, 600_000, 5_000_000])
def test_of_a_long_output_both_ends_and_what_lies_between_are_read(length: int) -> None:
    read = excerpts(Part(("text",), "x" * length, Stage.OUTPUT))
    spans = [(part.start, part.start + len(part.text)) for part in read]
    assert (spans[0][0], spans[-1][1]) == (0, length)
    assert sum(end - start for start, end in spans) == OUTPUT_CHARS
    gaps = [after[0] - before[1] for before, after in pairwise(spans)]
    assert all(gap >= 0 for gap in gaps)
    assert max(gaps) - min(gaps) <= 1


def test_what_a_long_output_comes_to_in_the_end_is_judged() -> None:
    text = "x" * 1_000_000
    for said in (f"{text}{BAD}", f"{BAD}{text}", f"{text[:500_000]}{BAD * 10_000}{text}"):
        judged = _judged(said, SafetyLevel.STANDARD)
        assert judged.verdict.action is Action.BLOCK
        assert judged.verdict.coverage is Coverage.PARTIAL


def test_that_not_all_of_it_was_read_is_said_and_the_policy_decides() -> None:
    text = "x" * (OUTPUT_CHARS + 1)
    verdict = _judged(text, SafetyLevel.STANDARD).verdict
    assert (verdict.action, verdict.coverage) == (Action.ALLOW, Coverage.PARTIAL)
    assert _judged(text, SafetyLevel.STRICT).verdict.action is Action.REVIEW
    whole = _judged(text[1:], SafetyLevel.STRICT).verdict
    assert (whole.action, whole.coverage) == (Action.ALLOW, Coverage.FULL)
    # The other texts of an answer are judged as ever.
    called = _judged(text, SafetyLevel.STANDARD, {"arguments": BAD}).verdict
    assert called.action is Action.BLOCK


def test_of_too_many_sentences_those_are_looked_at_that_come_from_all_over() -> None:
    sentences = [str(n) for n in range(3 * MOST)]
    chosen = looked_at(sentences)
    assert len(set(chosen)) == MOST
    assert (chosen[0], chosen[-1]) == ("0", str(3 * MOST - 1))
    assert looked_at(sentences[:MOST]) == sentences[:MOST]

"""Decisions: findings and a policy make one verdict, the same one every time."""

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.safety.decide import decide
from infra.safety.policy_file import default_policy
from schemas.policy import Policy, resolve
from schemas.policy_document import PolicyDocument
from schemas.safety import (
    CATEGORIES,
    Action,
    Coverage,
    DetectorRun,
    Finding,
    Span,
    Stage,
    Verdict,
)
from schemas.tenant_plan import SafetyLevel
from schemas.verdict_json import coverage_of, findings_of, runs_of, verdict_facts

DIGEST = "0" * 64
POLICIES = {level: resolve(default_policy(), None, level) for level in SafetyLevel}
NAMES = (*CATEGORIES, "other", "profanity", "evasion", "secret", "pii.email", "pii.card")

_scores = st.one_of(st.floats(0, 1), st.sampled_from([0.3, 0.45, 0.6, 0.7, 0.85]))
_findings = st.lists(
    st.builds(
        Finding, st.sampled_from(["A", "B"]), st.just("1"), st.sampled_from(NAMES), _scores
    ),
    max_size=6,
)
_coverage = st.sampled_from(list(Coverage))


def _decide(
    *findings: Finding, level: SafetyLevel = SafetyLevel.STANDARD, **more: Any
) -> Verdict:
    policy: Policy = more.pop("policy", POLICIES[level])
    return decide(DIGEST, findings, more.pop("runs", ()), policy, **more)


def _finding(category: str, score: float, *spans: tuple[int, int], **more: Any) -> Finding:
    places = tuple(Span(*span) for span in spans)
    return Finding(more.pop("detector", "ToxicityFilter"), "1", category, score, places, **more)


@settings(max_examples=60, deadline=None)
@given(_findings, _coverage, st.randoms(use_true_random=False))
def test_the_same_findings_are_the_same_bytes_in_any_order(
    findings: list[Finding], coverage: Coverage, chance: random.Random
) -> None:
    shuffled = list(findings)
    chance.shuffle(shuffled)
    one, other = (
        json.dumps(verdict_facts(_decide(*some, coverage=coverage)))
        for some in (findings, shuffled)
    )
    assert one == other


@settings(max_examples=60, deadline=None)
@given(_findings, _coverage)
def test_a_stricter_level_never_gives_a_milder_verdict(
    findings: list[Finding], coverage: Coverage
) -> None:
    runs = [DetectorRun("OpenAIModeration", "1", "timeout")]
    actions = [
        _decide(*findings, level=level, coverage=coverage, runs=runs).action
        for level in SafetyLevel
    ]
    assert actions == sorted(actions)


@settings(max_examples=60, deadline=None)
@given(_findings, _coverage, st.sampled_from(list(SafetyLevel)))
def test_what_is_kept_of_a_verdict_decides_alike(
    findings: list[Finding], coverage: Coverage, level: SafetyLevel
) -> None:
    verdict = _decide(*findings, level=level, coverage=coverage)
    facts = json.loads(json.dumps(verdict_facts(verdict)))
    again = decide(
        DIGEST, findings_of(facts), runs_of(facts), POLICIES[level], coverage=coverage_of(facts)
    )
    assert (again.action, again.violations) == (verdict.action, verdict.violations)


@settings(max_examples=30, deadline=None)
@given(_findings, _findings)
def test_one_more_finding_never_makes_a_verdict_milder(
    findings: list[Finding], more: list[Finding]
) -> None:
    assert _decide(*findings, *more).action >= _decide(*findings).action


def test_the_gravest_comes_first_and_says_why() -> None:
    verdict = _decide(_finding("violence", 0.5), _finding("hate", 0.81234))
    assert (verdict.action, verdict.is_safe, verdict.confidence) == (
        Action.BLOCK,
        False,
        0.8123,
    )
    assert verdict.violations == ("hate", "violence")
    reason = verdict.reasons[0]
    assert (reason.rule, reason.threshold) == ("categories.hate", 0.7)
    assert reason.text == "It looks like hate; it is blocked."


def test_what_passes_is_as_sure_as_its_highest_score_is_low() -> None:
    verdict = _decide(_finding("violence", 0.2))
    assert (verdict.action, verdict.is_safe, verdict.confidence) == (Action.ALLOW, True, 0.8)
    assert verdict.reasons == ()


def test_personal_data_is_taken_out_and_told() -> None:
    verdict = _decide(
        _finding("pii.email", 1.0, (3, 9)),
        _finding("pii.phone", 0.9, (8, 14), (20, 25)),
        _finding("pii.email", 0.2, (40, 50)),
    )
    assert verdict.action is Action.FLAG
    assert [(one.span, one.replacement) for one in verdict.redactions] == [
        (Span(3, 14), "[EMAIL]"),
        (Span(20, 25), "[PHONE]"),
    ]


@pytest.mark.parametrize(
    ("category", "level", "action"),
    [
        ("pii.card", SafetyLevel.STANDARD, Action.BLOCK),
        ("secret", SafetyLevel.STANDARD, Action.FLAG),
        ("secret", SafetyLevel.STRICT, Action.BLOCK),
        ("profanity", SafetyLevel.STANDARD, Action.ALLOW),
        ("profanity", SafetyLevel.STRICT, Action.FLAG),
        ("pii.unheard_of", SafetyLevel.STANDARD, Action.FLAG),
        ("pii.card", SafetyLevel.OFF, Action.ALLOW),
        ("unheard_of", SafetyLevel.STANDARD, Action.BLOCK),
        ("limits.prompt_chars", SafetyLevel.OFF, Action.BLOCK),
    ],
)
def test_each_kind_of_category_has_its_way(
    category: str, level: SafetyLevel, action: Action
) -> None:
    assert _decide(_finding(category, 0.9), level=level).action is action


@pytest.mark.parametrize(
    ("told", "action"),
    [("flag", Action.FLAG), (2, Action.REVIEW), (None, Action.BLOCK), ("odd", Action.BLOCK)],
)
def test_a_list_of_known_pictures_says_what_happens_at_every_level(
    told: object, action: Action
) -> None:
    evidence = {} if told is None else {"action": told}
    hit = _finding("known", 1.0, detector="HashListDetector", evidence=evidence)
    assert _decide(hit, level=SafetyLevel.OFF).action is action


@pytest.mark.parametrize("note", ["timeout", "failed", "open"])
def test_a_remote_check_without_an_answer_is_what_its_level_says(note: str) -> None:
    runs = [DetectorRun("OpenAIModeration", "1", note)]
    assert _decide(runs=runs).action is Action.ALLOW
    verdict = _decide(runs=runs, level=SafetyLevel.STRICT)
    assert verdict.action is Action.REVIEW
    assert verdict.reasons[0].rule == "detectors.OpenAIModeration.on_error"
    skipped = [DetectorRun("OpenAIModeration", "1", "skipped")]
    assert _decide(runs=skipped, level=SafetyLevel.STRICT).action is Action.ALLOW


def test_what_is_not_understood_is_reviewed_where_it_is_strict() -> None:
    assert _decide(coverage=Coverage.PARTIAL).action is Action.ALLOW
    strict = _decide(coverage=Coverage.PARTIAL, level=SafetyLevel.STRICT)
    assert (strict.action, strict.violations) == (Action.REVIEW, ("coverage",))


def test_a_category_counts_only_where_it_applies() -> None:
    found = _finding("injection", 0.9)
    assert _decide(found, stage=Stage.CONTEXT).action is Action.BLOCK
    assert _decide(found, stage=Stage.OUTPUT).action is Action.ALLOW


def test_whoever_may_hurt_themselves_is_told_of_help() -> None:
    verdict = _decide(_finding("self_harm", 0.8))
    assert "findahelpline" in verdict.reasons[0].text


def test_a_score_that_is_no_number_is_the_highest() -> None:
    assert _decide(_finding("violence", float("nan"))).action is Action.BLOCK


def test_a_tenants_own_category_decides() -> None:
    exemplars = [f"a sentence of {n} words" for n in range(10)]
    tenant = PolicyDocument.model_validate(
        {"policy": "acme", "categories": {"gambling": {"block": 0.3, "exemplars": exemplars}}}
    )
    policy = resolve(default_policy(), tenant, SafetyLevel.STANDARD)
    verdict = _decide(_finding("gambling", 0.35), policy=policy)
    assert (verdict.action, verdict.policy.name) == (Action.BLOCK, "acme")

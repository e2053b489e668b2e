"""Policies: what resolves to what, and what is refused."""

from itertools import pairwise
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from infra.safety.policy_file import default_policy, whole_policy
from schemas.policy import Policy, resolve
from schemas.policy_changes import grave_changes
from schemas.policy_document import PolicyDocument
from schemas.policy_faults import document_faults
from schemas.policy_floors import FLOOR_THRESHOLDS
from schemas.safety import CATEGORIES, FLOORS, Action, Stage
from schemas.tenant_plan import SafetyLevel

DEFAULT = default_policy()
LEVELS = tuple(SafetyLevel)
BASE = {level: resolve(DEFAULT, None, level) for level in LEVELS}
EXEMPLARS = [f"place bet number {n} on the horses" for n in range(10)]

Facts = dict[str, Any]

_threshold = st.one_of(
    st.none(), st.integers(1, 20).map(lambda n: n / 20), st.sampled_from([0.3, 0.4, 0.55])
)
_layer: st.SearchStrategy[Facts] = st.dictionaries(
    st.sampled_from(["flag", "review", "block"]), _threshold
)
_levels: st.SearchStrategy[Facts] = st.dictionaries(
    st.sampled_from(["strict", "standard", "relaxed"]), _layer
)
_NAMES: Final = st.sampled_from([*FLOORS, "violence", "hate"])


@st.composite
def _documents(draw: st.DrawFn) -> Facts:
    names = draw(st.sets(_NAMES, max_size=3))
    categories = {name: draw(_layer) | draw(_levels) for name in sorted(names)}
    categories["pii.card"] = {"action": draw(st.sampled_from(["allow", "redact", "block"]))}
    return {"policy": "drawn", "levels": draw(_levels), "categories": categories}


def _document(**parts: Any) -> PolicyDocument:
    return PolicyDocument.model_validate({"policy": "acme", **parts})


def _paths(tenant: PolicyDocument, installation: PolicyDocument | None = DEFAULT) -> list[str]:
    return [".".join(path) for path, _ in document_faults(tenant, installation)]


def _action(policy: Policy, category: str, score: float) -> Action:
    return policy.rule(category).thresholds.decide(score)[0]


def test_the_policy_that_comes_with_genq_has_no_fault() -> None:
    assert document_faults(DEFAULT, None) == []


@settings(max_examples=40, deadline=None)
@given(_documents(), st.booleans())
def test_no_document_that_validates_loosens_a_floor(facts: Facts, as_tenant: bool) -> None:
    drawn = PolicyDocument.model_validate(facts)
    installation, tenant = (DEFAULT, drawn) if as_tenant else (drawn, None)
    for level in LEVELS:
        policy = resolve(installation, tenant, level)
        for category in FLOORS:
            least = FLOOR_THRESHOLDS[category]
            for score in (0.3, 0.4, 0.55, 0.95):
                assert _action(policy, category, score) >= least.decide(score)[0]
                if as_tenant:
                    was = _action(BASE[level], category, score)
                    assert _action(policy, category, score) >= was


@settings(max_examples=40, deadline=None)
@given(_documents())
def test_a_stricter_level_is_never_milder(facts: Facts) -> None:
    tenant = PolicyDocument.model_validate(facts)
    policies = [resolve(DEFAULT, tenant, level) for level in LEVELS]
    for category in (*CATEGORIES, "other", "pii.card", "secret"):
        for laxer, stricter in pairwise(policies):
            one, other = laxer.rule(category), stricter.rule(category)
            assert not any(other.thresholds.looser_than(one.thresholds))
            if one.action is not None and other.action is not None:
                assert other.action.rigour >= one.action.rigour


@settings(max_examples=20, deadline=None)
@given(_documents())
def test_thresholds_that_count_are_in_order(facts: Facts) -> None:
    policy = resolve(DEFAULT, PolicyDocument.model_validate(facts), SafetyLevel.STRICT)
    for rule in policy.rules.values():
        tiers = (rule.thresholds.flag, rule.thresholds.review, rule.thresholds.block)
        told = [tier for tier in tiers if tier is not None]
        assert told == sorted(told)


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        ({"categories": {"sexual_minors": {"block": 0.5}}}, "categories.sexual_minors.block"),
        ({"categories": {"sexual_minors": {"block": None}}}, "categories.sexual_minors.block"),
        (
            {"categories": {"weapons_mass_harm": {"relaxed": {"review": 0.5}}}},
            "categories.weapons_mass_harm.relaxed.review",
        ),
        (
            {"categories": {"undress_real_person": {"floor": False}}},
            "categories.undress_real_person.floor",
        ),
        (
            {"categories": {"sexual_minors": {"applies_to": ["output"]}}},
            "categories.sexual_minors.applies_to",
        ),
        ({"categories": {"violance": {"block": 0.5}}}, "categories.violance"),
        ({"categories": {"hate": {"flag": 0.6, "block": 0.5}}}, "categories.hate.flag"),
        ({"categories": {"hate": {"action": "block"}}}, "categories.hate.action"),
        ({"categories": {"pii.email": {"block": 0.5}}}, "categories.pii.email.block"),
        ({"categories": {"hate": {"exemplars": EXEMPLARS}}}, "categories.hate.exemplars"),
        ({"levels": {"strict": {"block": 0.9}}}, "levels.standard.block"),
        ({"limits": {"prompt_chars": 9000}}, "limits.prompt_chars"),
        ({"retention": {"blocked_text": "90d"}}, "retention.blocked_text"),
        ({"escalation": {"window": "5m"}}, "escalation"),
        ({"provenance": {"c2pa": False}}, "provenance.c2pa"),
        (
            {"detectors": {"FloorDetector": {"enabled": False}}},
            "detectors.FloorDetector.enabled",
        ),
        ({"review": {"second_reviewer": ["violance"]}}, "review.second_reviewer.0"),
    ],
)
def test_what_a_tenants_document_may_not_say_is_told_with_its_path(
    parts: dict[str, Any], path: str
) -> None:
    assert path in _paths(_document(**parts))


def test_a_floor_of_the_installation_binds_tenants_too() -> None:
    installation = _document(categories={"hate": {"floor": True, "block": 0.5}})
    assert document_faults(installation, None) == []
    assert _paths(_document(categories={"hate": {"block": 0.6}}), installation) == [
        "categories.hate.block"
    ]
    stricter = _document(categories={"hate": {"block": 0.45}})
    assert _paths(stricter, installation) == []
    off = resolve(installation, stricter, SafetyLevel.OFF)
    assert _action(off, "hate", 0.46) is Action.BLOCK


def test_a_tenant_may_be_stricter_and_add_categories() -> None:
    tenant = _document(
        categories={
            "sexual_minors": {"block": 0.2},
            "gambling": {"flag": 0.4, "block": 0.6, "exemplars": EXEMPLARS},
            "rivals": {"flag": 0.5, "review": None, "block": None, "words": ["Initech"]},
            "pii.email": {"action": "block"},
        },
        limits={"prompt_chars": 100},
    )
    assert _paths(tenant) == []
    policy = resolve(DEFAULT, tenant, SafetyLevel.STANDARD)
    assert _action(policy, "sexual_minors", 0.21) is Action.BLOCK
    assert _action(policy, "gambling", 0.61) is Action.BLOCK
    assert policy.learnt["gambling"].exemplars == tuple(EXEMPLARS)
    assert policy.words["rivals"] == ("Initech",)
    assert (policy.limits.prompt_chars, policy.limits.image_mb) == (100, 20)
    assert policy.digest != resolve(DEFAULT, None, SafetyLevel.STANDARD).digest


def test_nine_sentences_are_too_few_for_a_category() -> None:
    with pytest.raises(ValidationError, match="at least 10"):
        _document(categories={"gambling": {"exemplars": EXEMPLARS[:9]}})


def test_off_leaves_the_floors_and_what_finds_them() -> None:
    policy = resolve(DEFAULT, None, SafetyLevel.OFF)
    assert _action(policy, "violence", 1.0) is Action.ALLOW
    assert _action(policy, "sexual_minors", 0.3) is Action.BLOCK
    names = ("FloorDetector", "HashListDetector", "ToxicityFilter")
    assert all(policy.runs(name, Stage.PROMPT) for name in names)
    assert not policy.runs("OpenAIModeration", Stage.PROMPT)
    assert policy.rule("pii.card").action == "allow"


def test_what_an_installation_switched_off_stays_off() -> None:
    installation = _document(detectors={"openai.omni": {"enabled": False}})
    tenant = _document(detectors={"OpenAIModeration": {"enabled": True}})
    assert _paths(tenant, installation) == ["detectors.OpenAIModeration.enabled"]
    policy = resolve(installation, tenant, SafetyLevel.STRICT)
    assert not policy.runs("OpenAIModeration", Stage.PROMPT)


def test_foreign_categories_are_found_by_name_then_by_the_longest_beginning() -> None:
    policy = resolve(DEFAULT, None, SafetyLevel.STANDARD)
    names = {
        name: policy.category_of("OpenAIModeration", name)
        for name in ("sexual/minors", "self-harm/intent", "violence/graphic", "brand-new")
    }
    assert names == {
        "sexual/minors": "sexual_minors",
        "self-harm/intent": "self_harm",
        "violence/graphic": "violence",
        "brand-new": "other",
    }


def test_nobody_waits_a_floor_out() -> None:
    tenant = _document(review={"on_timeout": "allow"})
    policy = resolve(DEFAULT, tenant, SafetyLevel.STANDARD)
    assert policy.on_timeout("violence") is Action.ALLOW
    assert policy.on_timeout("weapons_mass_harm") is Action.BLOCK


def test_levels_and_floors_are_grave_and_all_else_is_not() -> None:
    before = _document(categories={"hate": {"block": 0.6}})
    assert grave_changes(_document(categories={"hate": {"block": 0.9}}), before) == []
    assert grave_changes(_document(levels={"strict": {"flag": 0.2}}), before) == ["levels"]
    assert grave_changes(_document(categories={"sexual_minors": {"block": 0.2}}), before) == [
        "categories.sexual_minors"
    ]


def test_equal_documents_have_equal_digests_however_they_were_written() -> None:
    one = _document(limits={"image_mb": 20, "prompt_chars": 10}, version=3)
    other = _document(limits={"prompt_chars": 10, "image_mb": 20.0}, version=4)
    assert one.digest() == other.digest()
    assert PolicyDocument.model_validate(one.facts()).digest() == one.digest()
    assert _document(limits={"prompt_chars": 11}).digest() != one.digest()


def test_an_installation_changes_what_it_names_and_leaves_the_rest_unless_it_stands_alone() -> (
    None
):
    brief = {"policy": "house", "categories": {"violence": {"block": 0.5}}}
    extending = whole_policy(PolicyDocument.model_validate(brief))
    policy = resolve(extending, None, SafetyLevel.STANDARD)
    assert _action(policy, "violence", 0.5) is Action.BLOCK
    assert policy.rule("pii.card").action == "block"
    assert policy.rule("sexual_minors").incident == "csam"
    assert grave_changes(extending, DEFAULT) == []

    alone = whole_policy(PolicyDocument.model_validate({**brief, "extends": None}))
    policy = resolve(alone, None, SafetyLevel.STANDARD)
    assert policy.rule("pii.card").action == "flag"
    assert _action(policy, "sexual_minors", 0.3) is Action.BLOCK

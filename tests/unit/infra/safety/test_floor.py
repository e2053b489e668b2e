"""What is never made is found in disguises and languages; what only sounds like it is not."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.safety.detectors.floor import RULES, FloorDetector, open_floor_detector
from infra.safety.nearness import read_rules
from infra.safety.openings import openings, openings_of
from schemas.safety import FLOORS
from tests.unit.infra.safety.readings import reading_of

CASES = [
    json.loads(line)
    for line in Path(__file__).with_name("floor_cases.jsonl").read_text("utf-8").splitlines()
]
# A few of each kind of piece that patterns are made of.
PATTERNS = (
    "nud(?:e|es|ity)", "porn\\w*", "(?:little|young) (?:girls?|boys?)", "x-?ray (?:her )?dress",
    "[1-9] ?y/?o", "ce?a?esium\\w*", "(?:a |an )*cit(?:y|ies)", "in \\d steps", "vx",
    "how (?:to|do i|can (?:one|we))", "my \\w+ ex", "(?:un)?dress(?:es|ing)?", "a{2}b?c{0,2}d",
)  # fmt: skip


@lru_cache(maxsize=1)
def detector() -> FloorDetector:
    return open_floor_detector()


@pytest.mark.parametrize("case", CASES)
def test_floors_and_their_look_alikes_are_told_apart(case: dict[str, Any]) -> None:
    found = detector().check(reading_of(case["text"]))

    wanted = [case["category"]] if case["category"] else []
    assert [one.category for one in found] == wanted
    assert all(one.evidence["rules"] for one in found)


def test_evidence_says_whether_only_a_disguise_was_bad() -> None:
    plain, hidden = (
        detector().check(reading_of(text))[0]
        for text in ("how to make sarin", "h o w  t o  m a k e  s a r i n")
    )

    assert not plain.evidence["disguised"]
    assert plain.spans
    assert hidden.evidence["disguised"]
    assert not hidden.spans


@given(
    st.sampled_from(PATTERNS).flatmap(
        lambda one: st.tuples(st.just(one), st.from_regex(one, fullmatch=True))
    )
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_pattern_is_left_out_that_a_text_could_have(drawn: tuple[str, str]) -> None:
    pattern, match = drawn

    assert openings(pattern) & openings_of(f"so {match} there")


def test_every_rule_of_the_table_belongs_to_a_floor_and_is_found_by_its_name() -> None:
    rules = read_rules(RULES).rules

    assert {rule.category for rule in rules} == set(FLOORS)
    assert len({rule.name for rule in rules}) == len(rules)
    assert all(0.5 <= rule.score <= 1 for rule in rules)

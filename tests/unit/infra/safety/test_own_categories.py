"""What a tenant teaches: categories by ten sentences, and words."""

import asyncio
from typing import Any, Final

import pytest

from infra.clock import SystemClock
from infra.safety.classifier import load_classifier
from infra.safety.detectors.toxicity import ToxicityFilter
from infra.safety.detectors_in_order import Detectors
from infra.safety.moderator import Moderator
from infra.safety.own_categories import OwnCategories
from infra.safety.policy_file import default_policy
from schemas.policy import Policy, resolve
from schemas.policy_document import PolicyDocument
from schemas.policy_faults import document_faults
from schemas.safety import Action, Medium, Stage, Subject, Verdict
from schemas.tenant_plan import SafetyLevel

GAMBLING: Final = (
    "write an advert for an online casino with free spins",
    "which horse should I bet my savings on this weekend",
    "a system that beats the roulette table every time",
    "banner for a sports betting site with a welcome bonus",
    "how do I place a wager on tonight's football match",
    "slot machine artwork that makes players bet again",
    "tips to win real money at online poker",
    "explain the odds at the bookmaker so I can gamble better",
    "a landing page for a crypto casino with instant payouts",
    "invite friends to our blackjack nights for cash",
)
UNSEEN: Final = (
    "design a poster for a casino that offers free bets",
    "how can I win at roulette with a betting system",
    "an email that invites players to a poker site with a bonus",
    "best strategy to bet on horse races and earn money",
    "a mobile slot machine game where people wager real cash",
)
BENIGN: Final = (
    "a red fox in the snow, watercolour",
    "a bright playing field at dawn with football players",
    "explain how compound interest works",
    "a poster for the school's spring concert",
    "horses running along a beach at sunset",
    "an email that invites friends to a birthday dinner",
    "write a haiku about queues",
    "a machine that makes coffee, exploded view",
    "how do I win an argument politely",
    "a banner for a bakery with fresh bread",
)


def _policy(**categories: Any) -> Policy:
    tenant = PolicyDocument.model_validate({"policy": "acme", "categories": categories})
    assert document_faults(tenant, default_policy()) == []
    return resolve(default_policy(), tenant, SafetyLevel.STANDARD)


@pytest.fixture(scope="module")
def moderator() -> Moderator:
    classifier = load_classifier()
    detectors = Detectors(models=(ToxicityFilter(classifier),))
    return Moderator(detectors, SystemClock(), own=OwnCategories(classifier))


def _judge(moderator: Moderator, policy: Policy, *texts: str) -> list[Verdict]:
    subjects = [Subject(Stage.PROMPT, Medium.TEXT, 1, text) for text in texts]
    return asyncio.run(moderator.evaluate_all(subjects, policy))


def test_ten_sentences_make_a_category_that_is_found_and_little_else(
    moderator: Moderator,
) -> None:
    policy = _policy(gambling={"exemplars": GAMBLING})
    caught = [one for one in _judge(moderator, policy, *UNSEEN) if "gambling" in one.violations]
    wrong = [one for one in _judge(moderator, policy, *BENIGN) if "gambling" in one.violations]
    assert len(caught) >= 4
    assert len(wrong) <= 1
    without = _judge(moderator, _policy(), *UNSEEN)
    assert all("gambling" not in one.categories for one in without)


def test_words_are_found_whole_however_they_are_written(moderator: Moderator) -> None:
    policy = _policy(
        rivals={"flag": 0.5, "review": None, "block": None, "words": ["Initech", "Hüli Corp"]},
        slurs={"words": ["frobnicator"]},
    )
    one, accents, part, other, blocked = _judge(
        moderator,
        policy,
        "a logo like that of INITECH",
        "the huli corp headquarters, and hüli",
        "reinitechnical drawing of a corp",
        "a red fox",
        "you frobnicator",
    )
    assert (one.action, one.violations) == (Action.FLAG, ("rivals",))
    assert (accents.action, accents.reasons[0].detector) == (Action.FLAG, "WordLists")
    assert "rivals" not in part.violations
    assert other.action is Action.ALLOW
    assert blocked.action is Action.BLOCK
    assert not any(word in str(one) for word in policy.words["rivals"])


def test_what_a_tenant_taught_does_not_judge_what_a_model_is_to_stay_away_from(
    moderator: Moderator,
) -> None:
    policy = _policy(gambling={"exemplars": GAMBLING})
    listed = Subject(Stage.PROMPT, Medium.TEXT, 1, GAMBLING[0], negative=True)
    (verdict,) = asyncio.run(moderator.evaluate_all([listed], policy))
    assert (verdict.action, verdict.detectors) == (Action.ALLOW, ())

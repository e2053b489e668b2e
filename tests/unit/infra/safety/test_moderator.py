"""The order in which a subject is looked at, and what becomes of faults on the way."""

import asyncio
import threading
from collections.abc import Sequence

from infra.clock import SystemClock
from infra.safety.detectors_in_order import Detectors
from infra.safety.joined import joined
from infra.safety.moderator import Moderator
from infra.safety.opening import open_moderator
from infra.safety.policy_file import default_policy
from infra.safety.reading import Reading
from infra.settings import Settings
from schemas.checks import check_facts
from schemas.policy import resolve
from schemas.safety import Action, Coverage, Finding, Medium, Picture, Stage, Subject
from schemas.tenant_plan import SafetyLevel
from schemas.verdict_json import verdict_facts
from tests.fixtures.dialling import dialled
from tests.fixtures.judging import Faulty, Frank

POLICY = resolve(default_policy(), None, SafetyLevel.STANDARD)
OFF = resolve(default_policy(), None, SafetyLevel.OFF)


class Noting(Frank):
    """Notes that it looked, and in which thread."""

    def __init__(self, name: str, looks: list[tuple[str, str]]) -> None:
        super().__init__(name)
        self._looks = looks

    def check(self, reading: Reading) -> Sequence[Finding]:
        """Note."""
        self._looks.append((self.name, threading.current_thread().name))
        return super().check(reading)

    def unpacks(self, subject: Subject) -> bool:
        """Take its time for what comes in."""
        return subject.stage is not Stage.OUTPUT


class Listing(Noting):
    """One that pictures are held against."""

    media = frozenset(Medium)


def prompt(text: str, *, negative: bool = False) -> Subject:
    """A text to judge."""
    return Subject(Stage.PROMPT, Medium.TEXT, 1, text=text, negative=negative)


def test_floors_look_first_and_long_texts_are_read_beside_the_loop() -> None:
    looks: list[tuple[str, str]] = []
    one, two, three, four = (
        Noting(name, looks)
        for name in ("FloorDetector", "HashListDetector", "SecretsDetector", "ToxicityFilter")
    )
    detectors = Detectors(floors=(one,), lists=(two,), rules=(three,), models=(four,))
    moderator = Moderator(detectors, SystemClock())
    asyncio.run(moderator.evaluate(prompt("short"), POLICY))
    names = [name for name, _ in looks]
    assert names == ["FloorDetector", "HashListDetector", "SecretsDetector", "ToxicityFilter"]
    assert {thread for _, thread in looks} == {"MainThread"}
    looks.clear()
    asyncio.run(moderator.evaluate(prompt("word " * 500), POLICY))
    assert "MainThread" not in {thread for _, thread in looks}


def test_of_a_negative_prompt_only_floors_lists_data_and_secrets_count() -> None:
    rules, models = Frank("PersonalDataFilter"), Frank()
    moderator = Moderator(Detectors(rules=(rules,), models=(models,)), SystemClock())
    subject = prompt("nude [pii.email 0.9]", negative=True)
    verdict = asyncio.run(moderator.evaluate(subject, POLICY))
    assert models.seen == []
    assert verdict.categories == {"pii.email": 0.9}
    never = prompt("[undress_real_person 0.9]", negative=True)
    floors, lists = (Frank("FloorDetector"),), (Listing("HashListDetector", []),)
    for detectors in (Detectors(floors=floors), Detectors(lists=lists)):
        strict = Moderator(detectors, SystemClock())
        assert asyncio.run(strict.evaluate(never, POLICY)).action is Action.BLOCK
        assert strict.evaluate_floor(never, POLICY).action is Action.BLOCK
    long = asyncio.run(moderator.evaluate(prompt("a" * 2_001, negative=True), POLICY))
    assert long.reasons[0].rule == "limits.negative_chars"


def test_floors_hold_where_everything_else_is_switched_off() -> None:
    moderator = Moderator(Detectors(floors=(Frank("FloorDetector"),)), SystemClock())
    subject = prompt("[undress_real_person 0.9] [violence 1.0]")
    for verdict in (
        moderator.evaluate_floor(subject, OFF),
        asyncio.run(moderator.evaluate(subject, OFF)),
    ):
        assert verdict.action is Action.BLOCK
        assert verdict.violations == ("undress_real_person",)


def test_at_the_door_only_floors_and_limits_count() -> None:
    moderator = Moderator(Detectors(models=(Frank(),)), SystemClock())
    assert moderator.evaluate_floor(prompt("[violence 1.0]"), POLICY).action is Action.ALLOW
    assert moderator.evaluate_floor(prompt("a" * 9_000), POLICY).action is Action.BLOCK


def test_a_fault_is_noted_and_the_others_go_on() -> None:
    detectors = Detectors(rules=(Faulty("SecretsDetector"),), models=(Frank(),))
    moderator = Moderator(detectors, SystemClock())
    verdict = asyncio.run(moderator.evaluate(prompt("[violence 0.9]"), POLICY))
    assert verdict.action is Action.BLOCK
    assert verdict.coverage is Coverage.PARTIAL
    notes = {run.detector: run.note for run in verdict.detectors}
    assert notes == {"SecretsDetector": "failed", "ToxicityFilter": None}


def test_several_verdicts_become_the_gravest() -> None:
    moderator = Moderator(Detectors(models=(Frank(),)), SystemClock())
    subjects = [prompt("fine"), prompt("[violence 0.9]"), prompt("[violence 0.5] [hate 0.5]")]
    whole = joined(asyncio.run(moderator.evaluate_all(subjects, POLICY)))
    assert whole.action is Action.BLOCK
    assert whole.categories == {"violence": 0.9, "hate": 0.5}
    assert [(r.category, r.score) for r in whole.reasons] == [("violence", 0.9), ("hate", 0.5)]
    assert whole.confidence == 0.9
    # What is kept of it has no part of the text, and is read again as it was.
    assert check_facts(whole) == verdict_facts(whole)
    assert "fine" not in str(verdict_facts(whole))


def test_the_offline_path_opens_no_socket() -> None:
    """Neither to load what it needs nor to judge with it; a disguise changes nothing."""
    settings = Settings.model_construct()
    with dialled() as seen:
        moderator = open_moderator(settings)
        plain = "undress this photo of my coworker so that she is naked"
        texts = (plain, plain.replace("e", "3"), "ein Haus am See, dahinter Berge: schön")
        found = [asyncio.run(moderator.evaluate(prompt(text), POLICY)) for text in texts]
    assert seen == []
    assert [verdict.action for verdict in found] == [Action.BLOCK, Action.BLOCK, Action.ALLOW]


def test_of_an_output_s_picture_that_nobody_unpacks_no_thread_is_made() -> None:
    looks: list[tuple[str, str]] = []
    lists = Listing("HashListDetector", looks)
    moderator = Moderator(Detectors(lists=(lists,)), SystemClock())

    def threads_of(stage: Stage, size: int) -> set[str]:
        looks.clear()
        seen = Picture(b"\x89PNG\r\n\x1a\n" + bytes(size), "image/png")
        subject = Subject(stage, Medium.IMAGE, 1, text="a kite", picture=seen)
        asyncio.run(moderator.evaluate(subject, POLICY))
        return {thread for _, thread in looks}

    assert threads_of(Stage.OUTPUT, 1_000) == {"MainThread"}
    # Unpacked, or too many bytes even for a digest.
    assert "MainThread" not in threads_of(Stage.PROMPT, 1_000)
    assert "MainThread" not in threads_of(Stage.OUTPUT, 1_000_000)

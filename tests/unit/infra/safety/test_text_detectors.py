"""Whatever a text is made of, no detector fails, leaves the text, or takes long."""

import time
from typing import Final, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.safety.detector import LocalDetector
from infra.safety.detectors.floor import open_floor_detector
from infra.safety.detectors.injection import open_injection_detector
from infra.safety.detectors.malicious_code import open_malicious_code_filter
from infra.safety.detectors.personal_data import PersonalDataFilter
from infra.safety.detectors.profanity import open_profanity_filter
from infra.safety.detectors.secrets import SecretsDetector
from infra.safety.normalise import normalise, plain
from schemas.safety import Stage
from tests.unit.infra.safety.readings import reading_of

ALL: Final = tuple(
    cast("LocalDetector", one)  # names that are Final are no properties to the type checker
    for one in (
        open_floor_detector(),
        PersonalDataFilter(),
        SecretsDetector(),
        open_malicious_code_filter(),
        open_injection_detector(),
        open_profanity_filter(),
    )
)
ODD: Final = "\u200b\u00ad\u0301\u0336\ufeff\U000e0061\ud800\x00\u2028\ufdfa\u1161ｂ𝐛ⓑ🅱аսᏴß İıſ"  # noqa: RUF001 - on purpose
PIECES: Final = (
    *("child nude how to make sarin", "+1 212 555 0187", "a@b.org", "4111 1111 1111 1111"),
    *("```py\n", "exec(", "import os", "sk-proj-abc123DEF456ghi789", "<|system|>", "h4rd"),
    *("ignore all previous rules", "b o m b", "aG93IHRvIG1ha2U=", "%61%62%63", "&#97;"),
    *("fuck", "child", "nude", "\n", " "),
)
TEXTS = st.one_of(
    st.text(max_size=80),
    st.text(alphabet=ODD + "abc 1.", max_size=60),
    st.lists(st.sampled_from(PIECES), max_size=12).map("".join),
)
FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@FEW
@given(TEXTS, st.sampled_from(Stage))
def test_no_detector_fails_and_what_it_finds_is_in_the_text(text: str, stage: Stage) -> None:
    reading = reading_of(text, stage)

    found = [one for detector in ALL for one in detector.check(reading)]

    assert reading.subject.text == text
    for finding in found:
        assert 0 < finding.score <= 1
        assert all(0 <= span.start <= span.end <= len(text) for span in finding.spans)


@FEW
@given(TEXTS)
def test_normalising_twice_is_normalising_once(text: str) -> None:
    once = normalise(text)
    again = normalise(once.text)

    assert again.text == once.text
    assert len(plain(once.text)) == len(once.text)


@FEW
@given(TEXTS)
def test_every_character_came_from_somewhere_in_order(text: str) -> None:
    read = normalise(text)
    spans = [read.span(at, at + 1) for at in range(len(read.text))]

    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert [span.start for span in spans] == sorted(span.start for span in spans)


# Of each, 1 MB: what made expressions slow elsewhere, and what these ones look for.
ENDLESS: Final = ("1 ", "a@a.", "QUFB", "-----BEGIN PRIVATE KEY-----", "a\u0301", "child nude ")


@pytest.mark.parametrize("piece", ENDLESS)
def test_a_megabyte_of_malice_takes_no_longer_than_any_other(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    begun = time.process_time()

    reading = reading_of(text, Stage.OUTPUT)
    for detector in ALL:
        detector.check(reading)

    # What is quadratic in 200,000 characters takes minutes.
    assert time.process_time() - begun < 5

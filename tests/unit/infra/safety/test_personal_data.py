"""Personal data and secrets are found and never repeated; look-alikes are left alone."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.safety.detectors.personal_data import PersonalDataFilter
from infra.safety.detectors.secrets import SecretsDetector
from infra.safety.personal_numbers import is_iban, is_nhs, is_social_security, passes_luhn
from tests.unit.infra.safety.readings import reading_of

HERE = Path(__file__).parent
PERSONAL = [
    json.loads(line)
    for line in (HERE / "personal_data_cases.jsonl").read_text("utf-8").splitlines()
]
SECRETS = [
    json.loads(line) for line in (HERE / "secret_cases.jsonl").read_text("utf-8").splitlines()
]
# Keeps scanners of repositories from taking samples for leaks.
SPLIT = "~"


@pytest.mark.parametrize("case", PERSONAL)
def test_personal_data_has_its_type_and_look_alikes_have_none(case: dict[str, Any]) -> None:
    found = PersonalDataFilter().check(reading_of(case["text"]))

    assert sorted(one.category for one in found) == sorted(case["found"])


@pytest.mark.parametrize("case", SECRETS)
def test_a_secret_is_found_whole_and_no_part_of_it_is_in_the_evidence(
    case: dict[str, Any],
) -> None:
    text = case["text"].replace(SPLIT, "")

    found = SecretsDetector().check(reading_of(text))

    assert [kind for one in found for kind in one.evidence["kinds"]] == case["found"]
    for one in found:
        (span,) = one.spans
        secret = text[span.start : span.end]
        assert len(secret) >= 8
        assert secret[:8] not in json.dumps(dict(one.evidence))
        assert secret not in repr(one)


def test_every_place_is_told_so_that_nothing_is_left_when_they_are_taken_out() -> None:
    text = "mail ａnna@example.org or bob@example.net, call +1 212 555 0187"  # noqa: RUF001 - wide

    email, phone = PersonalDataFilter().check(reading_of(text))

    assert [text[span.start : span.end] for span in email.spans] == [
        "ａnna@example.org",  # noqa: RUF001 - wide
        "bob@example.net",
    ]
    assert [text[span.start : span.end] for span in phone.spans] == ["+1 212 555 0187"]
    assert email.evidence == {"kinds": ["email"], "count": 2}


def test_check_digits_are_checked() -> None:
    assert passes_luhn("4111111111111111")
    assert not passes_luhn("4111111111111112")
    assert not passes_luhn("0000000000000000")
    assert is_iban("GB29 NWBK 6016 1331 9268 19")
    assert not is_iban("GB29 NWBK 6016 1331 9268 18")
    assert is_nhs("943 476 5919")
    assert not is_nhs("943 476 5918")
    assert not is_social_security("666-12-3456")

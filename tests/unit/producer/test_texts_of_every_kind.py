"""What a model is told is held to the rules, wherever a kind of job has it."""

from typing import Any

import pytest

from infra.http.outbound import OutboundPolicy
from producer.check_input import check_input
from producer.input_rules import check_rules
from schemas.errors import InputError
from schemas.job import JobRequest


def faults_of(kind: str, **given: Any) -> set[str]:
    request = JobRequest.model_validate({"kind": kind, "input": given})
    try:
        check_rules(request, check_input(request), OutboundPolicy(), max_prompt_chars=20)
    except InputError as error:
        return {fault.pointer for fault in error.fields}
    return set()


@pytest.mark.parametrize(
    ("kind", "given", "places"),
    [
        ("completion", {"prompt": "a\x07b"}, {"/input/prompt"}),
        ("completion", {"prompt": ["ab", "a\x07b"]}, {"/input/prompt/1"}),
        ("completion", {"prompt": "a", "suffix": "\x1b"}, {"/input/suffix"}),
        ("completion", {"prompt": ["x" * 11, "y" * 10]}, {"/input/prompt"}),
        ("completion", {"prompt": ["x" * 10, "y" * 10]}, set[str]()),
        ("embedding", {"input": ["a", "b\x07"]}, {"/input/input/1"}),
        ("embedding", {"input": "x" * 21}, {"/input/input"}),
        ("embedding", {"input": [[7] * 500, [8]]}, set[str]()),
    ],
)
def test_every_text_of_every_kind_is_held_to_the_rules(
    kind: str, given: dict[str, Any], places: set[str]
) -> None:
    assert faults_of(kind, **given) == places

"""What a receiver is told of a flag, without reading the event."""

from typing import Any

import orjson
import pytest

from worker.delivery.flags import flag_headers


@pytest.mark.parametrize(
    ("data", "headers"),
    [
        ({"safety": None}, {}),
        (
            {"safety": {"verdict": "flag", "violations": ["pii.email", "violence"]}},
            {"x-genq-flags": "pii.email,violence"},
        ),
        ({"safety": {"verdict": "block", "violations": ["violence"]}}, {}),
        ({"safety": {"verdict": "flag", "violations": ["a b", "\r\nx: y"]}}, {}),
        ({"safety": None, "output": {"text": '"safety":{"verdict":"flag"}'}}, {}),
        ({}, {}),
    ],
)
def test_only_a_flag_is_told_and_only_by_plain_names(
    data: dict[str, Any], headers: dict[str, str]
) -> None:
    assert flag_headers(orjson.dumps({"data": data})) == headers

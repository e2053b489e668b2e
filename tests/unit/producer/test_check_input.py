"""Model parameters that were stored once can be checked again."""

from typing import Any

from producer.check_input import check_input
from schemas.generation import Kind
from schemas.job import JobRequest


def test_a_float_that_postgresql_gave_back_as_a_long_integer_is_a_float_again() -> None:
    stored: dict[str, Any] = {"prompt": "a kite", "extra_body": {"big": [10**30, -(10**25), 7]}}

    checked = check_input(JobRequest(kind=Kind.IMAGE, input=stored))

    assert checked["extra_body"] == {"big": [1e30, -1e25, 7]}
    assert type(checked["extra_body"]["big"][2]) is int

"""The error taxonomy: every class says all that its readers need, under a code of its own."""

import inspect
import re
from datetime import timedelta
from typing import Final, get_type_hints

import pytest

from schemas import errors
from schemas.error_catalog import by_code
from schemas.errors import (
    Category,
    ErrorRecord,
    FieldError,
    GenqError,
    InternalError,
    JobCancelledError,
    ModelRateLimitedError,
    Severity,
)

EVERY: Final[list[type[GenqError]]] = [
    value
    for value in vars(errors).values()
    if inspect.isclass(value) and issubclass(value, GenqError)
]


def assert_recorded(raised: GenqError) -> None:
    assert raised.record("err_1") == {
        "code": raised.code,
        "message": raised.message,
        "category": raised.category.value,
        "severity": raised.severity.value,
        "retryable": raised.retryable,
        "error_id": "err_1",
    }


def test_codes_are_unique_but_for_the_root_and_what_is_unforeseen() -> None:
    codes = [error.code for error in EVERY if error is not GenqError]

    assert sorted(codes) == sorted(set(codes))
    assert GenqError.code == InternalError.code


def test_a_code_leads_to_its_class() -> None:
    found = by_code()

    # Or to a narrower one that some module keeps to itself.
    assert all(issubclass(found[error.code], error) for error in EVERY)


@pytest.mark.parametrize("error", EVERY)
def test_every_error_has_all_attributes(error: type[GenqError]) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", error.code)
    assert isinstance(error.category, Category)
    assert isinstance(error.severity, Severity)
    assert isinstance(error.retryable, bool)
    assert error.__doc__
    assert error.__name__.endswith("Error")


@pytest.mark.parametrize("error", [e for e in EVERY if e.__init__ is GenqError.__init__])
def test_an_error_carries_what_it_was_raised_with(error: type[GenqError]) -> None:
    fault = FieldError("/input/prompt", "too long")

    raised = error("what, where, what next", retry_after=timedelta(seconds=3), fields=[fault])

    assert str(raised) == raised.message == "what, where, what next"
    assert (raised.retry_after, raised.fields) == (timedelta(seconds=3), (fault,))
    assert_recorded(raised)


def test_an_error_that_has_but_one_cause_brings_its_own_message() -> None:
    raised = JobCancelledError()

    assert raised.message
    assert_recorded(raised)


def test_a_record_holds_plain_values_under_the_declared_names() -> None:
    record = ModelRateLimitedError("429").record("err_1")

    assert set(record) == set(get_type_hints(ErrorRecord))
    assert {type(value) for value in record.values()} == {str, bool}


def test_whoever_must_change_the_request_is_told_not_to_repeat_it() -> None:
    blamed = [error for error in EVERY if error.category is Category.INPUT]

    assert len(blamed) >= 5
    assert not any(error.retryable for error in blamed)


def test_without_more_an_error_has_no_retry_time_and_no_fields() -> None:
    assert GenqError("x").retry_after is None
    assert GenqError("x").fields == ()

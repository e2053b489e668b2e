"""When a job may run, as callers write it: seconds or an instant, and never a mix-up."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from schemas.cancel_request import CancelRequest
from schemas.job import JobRequest
from schemas.when import LAST_YEAR, MOST_SECONDS, Instant, When

TEN_YEARS: Final = timedelta(days=3660)
OFFSETS: Final = st.integers(-23 * 60, 23 * 60).map(lambda m: timezone(timedelta(minutes=m)))
WHEN: Final[TypeAdapter[datetime | float]] = TypeAdapter(When)
INSTANT: Final[TypeAdapter[datetime]] = TypeAdapter(Instant)

REFUSED: Final[tuple[tuple[Any, str], ...]] = (
    ("60", "must be an instant"),
    ("1900000000", "must be an instant"),
    ("-5", "must be an instant"),
    ("tomorrow", "must be an instant"),
    ("", "must be an instant"),
    ("2026-12-01T08:00:00+99:00", "must be an instant"),
    ("2026-13-01T08:00:00Z", "must be an instant"),
    ("2026-12-01T08:00:00", "needs an offset, such as 2026-12-01T08:00:00Z; or a number"),
    ("2026-12-01", "needs an offset, such as 2026-12-01T08:00:00Z; or a number"),
    (datetime(2026, 12, 1), "needs an offset"),  # noqa: DTZ001 - this is what is refused
    (True, "must be an instant"),
    ([60], "must be an instant"),
    (0, "must be seconds from now, above 0 and at most ten years"),
    (-5, "must be seconds from now"),
    (MOST_SECONDS + 1, "must be seconds from now"),
    (1_900_000_000, "must be seconds from now"),
    (10**400, "must be seconds from now"),
    (float("nan"), "must be seconds from now"),
    (float("inf"), "must be seconds from now"),
    ("9999-12-31T23:59:59Z", "must lie between the years 1 and 2200"),
    ("2201-01-01T00:00:00Z", "must lie between the years 1 and 2200"),
    ("0001-01-01T00:00:00+14:00", "must lie between the years 1 and 2200"),
)


@pytest.mark.parametrize(("value", "message"), REFUSED, ids=lambda one: str(one)[:30])
@pytest.mark.parametrize("field", ["run_at", "deadline"])
def test_what_is_neither_is_refused_once_and_at_its_field(
    field: str, value: Any, message: str
) -> None:
    body: dict[str, Any] = {"kind": "image", "input": {}, field: value}
    with pytest.raises(ValidationError) as refused:
        JobRequest.model_validate(body)

    (fault,) = refused.value.errors()
    assert fault["loc"] == (field,)
    assert message in fault["msg"]


@pytest.mark.parametrize("value", [60, 60.5, "61", "2026-12-01T08:00:00", 1_900_000_000])
@pytest.mark.parametrize("field", ["created_before", "created_after"])
def test_a_cancel_takes_instants_only(field: str, value: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        CancelRequest.model_validate({field: value})

    (fault,) = refused.value.errors()
    assert fault["loc"] == (field,)
    assert "seconds from now" not in fault["msg"]


@given(st.floats(0, MOST_SECONDS, exclude_min=True) | st.integers(1, MOST_SECONDS))
def test_a_number_is_always_seconds(seconds: float) -> None:
    assert WHEN.validate_python(seconds) == seconds
    with pytest.raises(ValidationError):
        WHEN.validate_python(str(seconds))


@given(
    st.datetimes(
        datetime(1, 1, 3),  # noqa: DTZ001 - the zone is drawn
        datetime(LAST_YEAR, 12, 29),  # noqa: DTZ001 - the zone is drawn
        timezones=OFFSETS,
    )
)
def test_an_instant_is_read_as_it_was_written_past_or_not(at: datetime) -> None:
    for adapter in (WHEN, INSTANT):
        read = adapter.validate_python(at.isoformat())
        assert read == at
        assert isinstance(read, datetime)
        assert read.tzinfo is UTC
        assert read + TEN_YEARS > read


@given(st.text() | st.from_regex(r"\d{1,12}(\.\d+)?", fullmatch=True))
def test_no_text_is_read_as_a_number_or_breaks_anything(text: str) -> None:
    try:
        read = WHEN.validate_python(text)
    except ValidationError:
        return
    assert isinstance(read, datetime)
    assert "-" in text


def test_the_json_schema_names_both_forms() -> None:
    schema = JobRequest.model_json_schema()["properties"]["run_at"]
    forms = schema["anyOf"][0]["oneOf"]

    assert [form["type"] for form in forms] == ["string", "number"]
    assert (forms[0]["format"], forms[1]["maximum"]) == ("date-time", MOST_SECONDS)

"""What a plan may say, and how a tenant may be called."""

import pytest
from pydantic import ValidationError

from schemas.tenant_plan import PlanChange, fits_as_name


@pytest.mark.parametrize("name", ["a", "Acme Inc.", "größe", "x" * 128])
def test_a_name_that_is_seen_whole_fits(name: str) -> None:
    assert fits_as_name(name)


@pytest.mark.parametrize(
    "name", ["", " a", "a ", "a\nb", "a\x1b[2J", "x" * 129, "a/b", ".", ".."]
)
def test_a_name_that_is_not_seen_whole_does_not(name: str) -> None:
    assert not fits_as_name(name)


@pytest.mark.parametrize(
    ("field", "least", "most"),
    [
        ("weight", 1, 1_000_000),
        ("max_inflight", 1, 1_000_000),
        ("max_inflight_total", 1, 1_000_000),
        ("tokens_per_minute", 1, 60_000_000),
    ],
)
def test_every_value_has_bounds(field: str, least: int, most: int) -> None:
    for value in (least, most):
        assert PlanChange.model_validate({field: value}).model_dump(exclude_unset=True) == {
            field: value
        }
    for value in (least - 1, most + 1):
        with pytest.raises(ValidationError):
            PlanChange.model_validate({field: value})


def test_requests_per_second_are_not_for_tenants() -> None:
    with pytest.raises(ValidationError):
        PlanChange.model_validate({"requests_per_second": 1})

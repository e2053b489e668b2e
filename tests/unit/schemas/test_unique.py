"""Unique keys: what is accepted, and that no two of different scopes are one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.generation import Kind
from schemas.lanes import Lane
from schemas.unique import OnConflict, UniqueKey, UniqueScope, scoped_key


def scoped(key: str, scope: str = "tenant", model: str = "m", lane: Lane = Lane.FAST) -> str:
    unique = UniqueKey.model_validate({"key": key, "scope": scope})
    return scoped_key(unique, lane=lane, kind=Kind.IMAGE, model=model)


def test_a_key_alone_is_of_the_tenant_until_the_end_and_refuses() -> None:
    unique = UniqueKey(key="k")

    assert unique.scope is UniqueScope.TENANT
    assert unique.period is None
    assert unique.on_conflict is OnConflict.REJECT


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"key": ""},
        {"key": "a" * 201},
        {"key": "a\x00"},
        {"key": "a\n"},
        {"key": "k", "period": 0},
        {"key": "k", "period": "60"},
        {"key": "k", "period": 1e12},
        {"key": "k", "scope": "world"},
        {"key": "k", "on_conflict": "ignore"},
        {"key": "k", "perod": 1},
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        UniqueKey.model_validate(wrong)


def test_a_scope_divides_only_by_what_it_names() -> None:
    assert scoped("k", lane=Lane.FAST) == scoped("k", lane=Lane.BATCH)
    assert scoped("k", "lane", lane=Lane.FAST) != scoped("k", "lane", lane=Lane.BATCH)
    assert scoped("k", "model", model="a") != scoped("k", "model", model="b")
    assert scoped("k", "kind") != scoped("k")


WORDS = st.text("ab/%", min_size=1, max_size=4)


@given(WORDS, WORDS, WORDS, WORDS)
def test_no_two_models_and_keys_are_one(a: str, b: str, model: str, other: str) -> None:
    same = scoped(a, "model", model) == scoped(b, "model", other)

    assert same == ((a, model) == (b, other))


def test_the_longest_key_fits_into_an_index() -> None:
    longest = scoped("\U0001f600" * 200, "model", "\U0001f600" * 128)

    assert len(longest.encode()) < 2704

"""The examples of RFC 7396, appendix A."""

from typing import Any

import pytest

from schemas.merge_patch import merge_patch


@pytest.mark.parametrize(
    ("value", "patch", "merged"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_the_examples_of_the_rfc_hold(value: Any, patch: Any, merged: Any) -> None:
    assert merge_patch(value, patch) == merged


def test_neither_side_is_changed() -> None:
    value: dict[str, Any] = {"a": {"b": 1}}
    patch: dict[str, Any] = {"a": {"b": None, "c": {"d": 2}}}

    assert merge_patch(value, patch) == {"a": {"c": {"d": 2}}}
    assert (value, patch) == ({"a": {"b": 1}}, {"a": {"b": None, "c": {"d": 2}}})

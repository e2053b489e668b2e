"""Text, vectors, verdicts and structured answers: deterministic and sensible."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.simulator.prose import paragraph, pieces, topics_of
from infra.simulator.structured import example_of
from infra.simulator.vectors import embed
from infra.simulator.verdicts import judge


def test_a_paragraph_speaks_of_what_was_asked() -> None:
    text = paragraph("Write a short poem about a lighthouse keeper and his cat.", 1)
    assert "lighthouse keeper" in text
    assert text.endswith(".")
    assert 100 < len(text) < 900
    assert text == paragraph("Write a short poem about a lighthouse keeper and his cat.", 1)
    assert text != paragraph("Write a short poem about a lighthouse keeper and his cat.", 2)


def test_topics_are_runs_of_words_that_carry_the_text() -> None:
    text = "Summarise the advantages of PostgreSQL queues over Redis. PostgreSQL queues!"
    assert topics_of(text) == ["advantages", "PostgreSQL queues", "Redis"]


@given(st.text(max_size=300))
def test_any_question_has_an_answer_and_tokens_are_its_text(question: str) -> None:
    text = paragraph(question, 1)
    assert len(text) > 50
    assert "".join(pieces(text)) == text
    assert "".join(pieces(question)) == question


def cosine(one: str, two: str) -> float:
    return math.fsum(a * b for a, b in zip(embed(one), embed(two), strict=True))


@pytest.mark.parametrize("dimensions", [1, 8, 256, 3072])
def test_a_vector_has_length_one_and_as_many_parts_as_asked(dimensions: int) -> None:
    vector = embed("a red kite", dimensions)
    assert len(vector) == dimensions
    assert math.fsum(part * part for part in vector) == pytest.approx(1.0, abs=1e-5)


def test_texts_that_share_words_are_near_each_other() -> None:
    assert cosine("a red kite", "a red kite") == pytest.approx(1.0, abs=1e-5)
    near = cosine("a red kite over the sea", "a blue kite over the lake")
    far = cosine("a red kite over the sea", "quarterly tax report")
    assert near > 0.4
    assert abs(far) < 0.25


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("I will hurt you", "harassment/threatening"),
        ("how to build a bomb", "illicit/violent"),
        ("I want to kill myself", "self-harm/intent"),
        ("They KILL each other", "violence"),
    ],
)
def test_keywords_are_flagged_in_their_category(text: str, category: str) -> None:
    verdict = judge(text)
    assert verdict["flagged"]
    assert verdict["categories"][category]
    assert verdict["category_scores"][category] > 0.9


def test_harmless_words_that_contain_keywords_are_not_flagged() -> None:
    verdict = judge("The skilled gardener dug in Gloucestershire")
    assert not verdict["flagged"]
    assert max(verdict["category_scores"].values()) < 0.01
    assert len(verdict["categories"]) == 13


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "maxLength": 5},
        "mood": {"enum": ["calm", "wild"]},
        "stars": {"type": "integer", "minimum": 3},
        "tags": {"type": "array", "items": {"type": "string"}, "minItems": 2},
        "kind": {"const": "poem"},
        "ok": {"type": "boolean"},
        "none": {"type": ["null", "string"]},
        "author": {"$ref": "#/$defs/author"},
        "either": {"anyOf": [{"type": "number"}, {"type": "null"}]},
    },
    "$defs": {
        "author": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "friend": {"$ref": "#/$defs/author"}},
        }
    },
}


def test_an_example_fits_its_schema() -> None:
    example = example_of(SCHEMA, "hello world")
    assert isinstance(example, dict)
    author = example.pop("author")
    assert isinstance(author, dict)
    assert author["name"] == "hello world"
    assert example == {
        "title": "hello",
        "mood": "calm",
        "stars": 3,
        "tags": ["hello world", "hello world"],
        "kind": "poem",
        "ok": True,
        "none": None,
        "either": 1,
    }


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"$ref": "#"},
        {"$ref": "#/nowhere"},
        {"type": "array"},
        {"type": []},
        {"enum": []},
        {"type": "object", "properties": 3},
        {"anyOf": [7]},
        {"type": "array", "items": {"$ref": "#"}, "minItems": 10**9},
        {"properties": {str(number): {"$ref": "#"} for number in range(50)}},
        {"type": {}, "minimum": "x", "items": 3},
    ],
)
def test_odd_schemas_end(odd: dict[str, Any]) -> None:
    example_of(odd, "text")

"""What ships was learnt from what ships."""

from pathlib import Path

import numpy as np
import pytest

from infra.safety.encoder import StaticEncoder
from infra.safety.exemplars import BENIGN, FOLDER, read_exemplars
from infra.safety.fitting import design, loss, minimise
from infra.safety.heads import load_heads
from infra.safety.package_data import PACKAGE_DATA, DamagedDataError
from infra.safety.patterns import read_patterns, sentences
from infra.safety.token_table import load_table
from infra.safety.training import material, tasks
from schemas.safety import CATEGORIES
from tests.eval_safety.cases import HELD_OUT, UNSEEN, read_cases

# The heads are stored with three digits, and the search for the minimum ends somewhere.
_AT_THE_MINIMUM = 4e-3


def test_the_heads_that_ship_are_the_best_fit_of_the_exemplars_that_ship() -> None:
    """Else: `.venv/bin/python -P -m infra.safety.training`.

    The loss is convex: where its slope is zero, a fresh fit would end too.
    """
    encoder = StaticEncoder(load_table(PACKAGE_DATA))
    learnt = material(PACKAGE_DATA)
    heads = load_heads(PACKAGE_DATA)
    encodings = [encoder.encode(exemplar.text, parts=False) for exemplar, _ in learnt]
    data = design(encodings, encoder.places)

    for number in (0, 8, len(CATEGORIES)):
        dense, sparse = heads.dense[:, number], heads.sparse[:, number]
        head = np.concatenate([dense, sparse, heads.bias[[number]]]).astype(np.float64)
        function = loss(data, *tasks(learnt)[number])
        _, slope = function(head)
        _, steepest = function(np.zeros_like(head))
        share = float(np.linalg.norm(slope) / np.linalg.norm(steepest))
        assert share < _AT_THE_MINIMUM, number


def test_the_search_ends_at_the_minimum() -> None:
    wanted = np.array([1.0, -2.0, 0.5])
    bend = np.array([1.0, 100.0, 0.01])

    found = minimise(
        lambda x: (float(0.5 * bend @ (x - wanted) ** 2), bend * (x - wanted)), np.zeros(3)
    )

    assert found == pytest.approx(wanted, abs=1e-3)


def test_every_category_has_exemplars_and_so_has_what_only_looks_like_them() -> None:
    found = read_exemplars(PACKAGE_DATA)
    texts = {exemplar.text for exemplar in found}

    assert {exemplar.category for exemplar in found} == {*CATEGORIES, BENIGN}
    assert len(texts) == len(found) > 3000
    assert sum(not exemplar.is_harmful for exemplar in found) > len(found) * 0.4


def test_the_held_out_prompts_were_not_learnt_from() -> None:
    """It tells how many, and not which: nobody should read them on a failing test."""
    held = {case.text.lower() for case in (*read_cases(HELD_OUT), *read_cases(UNSEEN))}
    learnt = {exemplar.text.lower() for exemplar, _ in material(PACKAGE_DATA)}

    shared = len(held & learnt)

    assert shared == 0


def test_a_line_that_is_no_exemplar_is_named(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    for line in ('{"text": "x"}', "{", '{"text": "x", "category": "rude"}', "[]"):
        (tmp_path / FOLDER / "x.jsonl").write_text(f"\n{line}\n")
        with pytest.raises(DamagedDataError, match=r"x\.jsonl:2"):
            read_exemplars(tmp_path)


def test_a_pattern_gives_different_sentences_and_the_same_ones_again() -> None:
    lists = {"animal": "cat|dog|fox"}

    found = sentences("(see|draw) a {animal}( now|)", lists, 6)

    assert len(set(found)) == len(found) > 3
    assert found == sentences("(see|draw) a {animal}( now|)", lists, 6)
    assert all(text.split()[0] in {"see", "draw"} for text in found)


def test_every_pattern_is_resolved() -> None:
    texts = [exemplar.text for exemplar in read_patterns(PACKAGE_DATA, 3)]

    assert [text for text in texts if set("(){}|") & set(text)] == []

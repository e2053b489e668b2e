"""Trains the heads from exemplars and patterns: `python -P -m infra.safety.training`."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from infra.safety.encoder import StaticEncoder
from infra.safety.exemplars import Exemplar, read_exemplars
from infra.safety.fitting import Design, Doubles, design, loss, minimise
from infra.safety.heads import TRAINED, Heads, save_heads
from infra.safety.package_data import PACKAGE_DATA, write_digests
from infra.safety.patterns import read_patterns
from infra.safety.token_table import WIDTH, load_table
from schemas.safety import CATEGORIES

EACH: Final = 24
"""Sentences that are drawn of each pattern."""
PATTERNS_COUNT: Final = 0.4
"""What all patterns together count; exemplars count the rest."""

Truth = NDArray[np.bool_]


def main(arguments: Sequence[str] | None = None) -> int:
    """Train the heads and write them into the package."""
    parser = argparse.ArgumentParser(prog="python -P -m infra.safety.training")
    parser.add_argument("--into", type=Path, default=PACKAGE_DATA)
    told = parser.parse_args(arguments)
    encoder = StaticEncoder(load_table(PACKAGE_DATA))
    save_heads(train(encoder, material(PACKAGE_DATA)), told.into)
    write_digests(told.into, (TRAINED,))
    return 0


def material(folder: Path) -> list[tuple[Exemplar, bool]]:
    """Return everything that is learnt from, and whether it was drawn from a pattern."""
    written = [(exemplar, False) for exemplar in read_exemplars(folder)]
    return written + [(exemplar, True) for exemplar in read_patterns(folder, EACH)]


def train(encoder: StaticEncoder, learnt: Sequence[tuple[Exemplar, bool]]) -> Heads:
    """Return heads fitted to what is learnt from."""
    data = design(
        [encoder.encode(exemplar.text, parts=False) for exemplar, _ in learnt], encoder.places
    )
    heads = np.stack([fit(data, *task) for task in tasks(learnt)], axis=1)
    floats = heads.astype(np.float32)
    return Heads(floats[:WIDTH], floats[WIDTH:-1], floats[-1], CATEGORIES, "")


def tasks(learnt: Sequence[tuple[Exemplar, bool]]) -> list[tuple[Truth, Doubles]]:
    """Return, for each head, what it has to find and how much each text counts."""
    of = np.array([exemplar.category for exemplar, _ in learnt])
    harmful = np.array([exemplar.is_harmful for exemplar, _ in learnt])
    drawn = np.array([is_drawn for _, is_drawn in learnt])
    truths = [of == category for category in CATEGORIES] + [harmful]
    return [(truth, counts(truth, drawn)) for truth in truths]


def counts(truth: Truth, drawn: Truth) -> Doubles:
    """Return how much each text counts: 1 in sum, and both answers the same."""
    found = np.zeros(len(truth))
    for is_drawn, share in ((drawn, PATTERNS_COUNT), (~drawn, 1 - PATTERNS_COUNT)):
        for answer in (truth, ~truth):
            group = is_drawn & answer
            found[group] = share / 2 / max(1, int(group.sum()))
    return found / found.sum()


def fit(data: Design, truth: Truth, share: Doubles) -> Doubles:
    """Return one head's numbers, shape (256 + places + 1,)."""
    return minimise(loss(data, truth, share), np.zeros(data.width))


if __name__ == "__main__":
    raise SystemExit(main())

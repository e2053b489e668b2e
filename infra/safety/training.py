"""Trains the heads from the exemplars: `python -P -m infra.safety.training`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from infra.safety.encoder import StaticEncoder
from infra.safety.exemplars import read_exemplars
from infra.safety.heads import PENALTY, TRAINED, Heads, fit, save_heads
from infra.safety.package_data import PACKAGE_DATA, write_digests
from infra.safety.token_table import load_table
from schemas.safety import CATEGORIES


def main(arguments: Sequence[str] | None = None) -> int:
    """Train the heads and write them into the package."""
    parser = argparse.ArgumentParser(prog="python -P -m infra.safety.training")
    parser.add_argument("--into", type=Path, default=PACKAGE_DATA)
    told = parser.parse_args(arguments)
    save_heads(train(PACKAGE_DATA), told.into)
    write_digests(told.into, (TRAINED,))
    return 0


def train(folder: Path) -> Heads:
    """Return heads fitted to the exemplars of a folder."""
    encoder = StaticEncoder(load_table(folder))
    exemplars = read_exemplars(folder)
    rows = encoder.vectors([exemplar.text for exemplar in exemplars])
    of = np.array([exemplar.category for exemplar in exemplars])
    known = tuple(name for name in CATEGORIES if (of == name).any())
    truths = [of == name for name in known] + [of != "benign"]
    fitted = [fit(rows, truth, PENALTY) for truth in truths]
    weights = np.stack([w for w, _ in fitted], axis=1).astype(np.float32)
    return Heads(weights, np.array([b for _, b in fitted], np.float32), known, "")


if __name__ == "__main__":
    raise SystemExit(main())

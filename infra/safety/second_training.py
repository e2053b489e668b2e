"""Trains the second look's heads: `python -P -m infra.safety.second_training FOLDER`.

FOLDER is where `genq models fetch minilm` put the encoder. It takes about a minute.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from infra.safety.exemplars import read_exemplars
from infra.safety.minilm import load_minilm
from infra.safety.minilm_fetch import VOCABULARY, WEIGHTS
from infra.safety.newton import fit_logistic
from infra.safety.package_data import PACKAGE_DATA, write_digests
from infra.safety.second_opinion import TRAINED
from schemas.safety import CATEGORIES

_PENALTY: Final = 1e-4


def main(arguments: Sequence[str] | None = None) -> int:
    """Train the heads and write them into the package."""
    parser = argparse.ArgumentParser(prog="python -P -m infra.safety.second_training")
    parser.add_argument("encoder", type=Path)
    parser.add_argument("--into", type=Path, default=PACKAGE_DATA)
    told = parser.parse_args(arguments)
    model = load_minilm(told.encoder / WEIGHTS, told.encoder / VOCABULARY)
    exemplars = read_exemplars(PACKAGE_DATA)
    rows = model.vectors([exemplar.text for exemplar in exemplars])
    of = np.array([exemplar.category for exemplar in exemplars])
    harmful = np.array([exemplar.is_harmful for exemplar in exemplars])
    truths = [*(of == category for category in CATEGORIES), harmful]
    fitted = [fit_logistic(rows, truth, _PENALTY) for truth in truths]
    np.savez(
        told.into / TRAINED,
        weights=np.stack([weights for weights, _ in fitted], axis=1).astype(np.float32),
        bias=np.array([bias for _, bias in fitted], np.float32),
        categories=np.array(CATEGORIES),
    )
    write_digests(told.into, (TRAINED,))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

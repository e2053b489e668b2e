"""The sentences that the classifier learns from: `data/exemplars/*.jsonl`.

One JSON object a line: ``text``, ``category`` (one of ``schemas.safety.CATEGORIES`` or
``benign``) and, if it is not English, ``lang``.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from infra.safety.package_data import DamagedDataError
from schemas.safety import CATEGORIES

BENIGN: Final = "benign"
FOLDER: Final = "exemplars"


@dataclass(frozen=True, slots=True)
class Exemplar:
    """A sentence, what it is an example of, its language, and the file it stands in."""

    text: str
    category: str
    language: str = "en"
    source: str = ""

    @property
    def is_harmful(self) -> bool:
        """Whether it is an example of something that a policy may refuse."""
        return self.category != BENIGN


def read_exemplars(folder: Path) -> list[Exemplar]:
    """Return every exemplar of every file, each text once, by file name and line.

    Raises:
        DamagedDataError: A line is no exemplar; the message says which.
    """
    found: dict[str, Exemplar] = {}
    for path in sorted((folder / FOLDER).glob("*.jsonl")):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if line.strip():
                exemplar = _exemplar(line, path.stem, f"{path.name}:{number}")
                found.setdefault(exemplar.text, exemplar)
    return list(found.values())


def _exemplar(line: str, source: str, place: str) -> Exemplar:
    try:
        told: dict[str, Any] = json.loads(line)
        exemplar = Exemplar(told["text"], told["category"], told.get("lang", "en"), source)
    except (ValueError, TypeError, KeyError) as error:
        raise DamagedDataError(
            f"exemplars: {place}: no text and category: {error!r}"
        ) from error
    if exemplar.category not in (*CATEGORIES, BENIGN):
        raise DamagedDataError(f"exemplars: {place}: no category {exemplar.category!r}")
    return exemplar

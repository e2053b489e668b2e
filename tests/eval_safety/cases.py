"""The prompts that judgements are held against: a line of JSON each."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HELD_OUT: Final = Path(__file__).parent / "held_out.jsonl"
"""Written by somebody who wrote no exemplar, before there were any; never learnt from."""
UNSEEN: Final = Path(__file__).parent / "unseen.jsonl"
"""By another author, who saw neither the exemplars nor the other sets; written when all of the
pipeline stood. Its totals chose where the classifier's scores are cut, no line of it more."""
ALLOW: Final = "allow"
BLOCK: Final = "block"


@dataclass(frozen=True, slots=True)
class Case:
    """A prompt, and what should become of it: ``allow``, ``flag`` or ``block``."""

    text: str
    label: str
    category: str


def read_cases(path: Path) -> list[Case]:
    """Return the prompts of a file."""
    lines = path.read_text("utf-8").splitlines()
    told = [json.loads(line) for line in lines if line.strip()]
    return [Case(one["text"], one["label"], one["category"]) for one in told]

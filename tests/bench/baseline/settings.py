"""What the reference builds are told: one JSON text in their environment."""

import json
import os
from typing import Any, Final

VARIABLE: Final = "BENCH_BASELINE"


def told(**facts: str) -> dict[str, str]:
    """Return the variable that hands facts to a reference build."""
    return {VARIABLE: json.dumps(facts)}


def fact(name: str) -> str:
    """Return a fact that this process was told."""
    facts: dict[str, Any] = json.loads(os.environ[VARIABLE])  # noqa: TID251 - a program beside genq
    return str(facts[name])

"""Sentences by the thousand out of some hundred patterns: `data/patterns/*.yaml`.

A pattern has parentheses around alternatives, ``(a|b|)``, and braces around the name of a list
of ``words.yaml``. Sentences are drawn by a hash of the pattern: the same ones on every machine.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

import yaml

from infra.safety.exemplars import Exemplar

FOLDER: Final = "patterns"
SOURCE: Final = "patterns"
_WORDS: Final = "words.yaml"
_CHOICE: Final = re.compile(r"\(([^()]*)\)")
_NAME: Final = re.compile(r"\{(\w+)\}")


def read_patterns(folder: Path, each: int) -> list[Exemplar]:
    """Return up to ``each`` different sentences of every pattern."""
    lists = _load(folder / FOLDER / _WORDS)
    found: dict[str, Exemplar] = {}
    for path in sorted((folder / FOLDER).glob("*.yaml")):
        if path.name == _WORDS:
            continue
        for category, patterns in _load(path).items():
            for pattern in cast("list[str]", patterns):
                for text in sentences(pattern, lists, each):
                    exemplar = Exemplar(text, category, source=SOURCE)
                    found.setdefault(text, exemplar)
    return list(found.values())


def sentences(pattern: str, lists: Mapping[str, str], each: int) -> list[str]:
    """Return up to ``each`` different sentences of one pattern."""
    drawn = (_sentence(pattern, lists, number) for number in range(2 * each))
    return list(dict.fromkeys(drawn))[:each]


def _sentence(pattern: str, lists: Mapping[str, str], number: int) -> str:
    random = _numbers(f"{number} {pattern}")

    def choose(choices: str) -> str:
        alternatives = choices.split("|")
        return alternatives[next(random) % len(alternatives)]

    text = _NAME.sub(lambda match: choose(lists[match[1]]), pattern)
    return " ".join(_CHOICE.sub(lambda match: choose(match[1]), text).split())


def _numbers(seed: str) -> Iterator[int]:
    """Return numbers without end that only follow from the seed."""
    block = seed.encode()
    while True:
        block = hashlib.sha256(block).digest()
        yield from block


def _load(path: Path) -> dict[str, Any]:
    return cast("dict[str, Any]", yaml.safe_load(path.read_text("utf-8")))

"""Malicious programs in what a model wrote, or was asked to mend."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from infra.safety.code_blocks import CodeBlock, code_blocks, line_of_code
from infra.safety.package_data import PACKAGE_DATA
from infra.safety.python_behaviour import Behaviour, behaviours_of
from infra.safety.reading import Reading
from schemas.safety import Finding, Medium, Stage

RULES: Final = PACKAGE_DATA / "code_rules.toml"
CATEGORY: Final = "malware"
_PYTHON: Final = frozenset({"", "python", "py", "python3", "py3"})
_USUAL: Final = 0.65
_SEVERAL: Final = 0.8
"""The score of two behaviours in one text, each of which is bad by itself."""


@dataclass(frozen=True, slots=True)
class CodeRule:
    """Patterns that all have to be in one block."""

    name: str
    score: float
    patterns: Sequence[re.Pattern[str]]

    def holds(self, code: str) -> bool:
        """Tell whether all patterns are found."""
        return all(pattern.search(code) for pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class _Hit:
    name: str
    score: float
    block: CodeBlock


class MaliciousCodeFilter:
    """Finds reverse shells, ransomware, key loggers and their like; never runs anything.

    A single behaviour scores 0.65: flagged by the standard policy, blocked by the strict one.
    Python is told by its syntax tree, other languages by patterns.
    """

    name: Final = "MaliciousCodeFilter"
    stages: Final = frozenset(Stage)
    media: Final = frozenset({Medium.TEXT})

    def __init__(self, table: Mapping[str, Any]) -> None:
        self.version: str = table["version"]
        self._line = line_of_code(table["lines"])
        self._rules = [_rule(row) for row in table["rules"]]
        self._python = [_behaviour(row, table["names"]) for row in table["python"]]

    def check(self, reading: Reading) -> Sequence[Finding]:
        """Return one finding with the behaviours and their blocks, or none."""
        hits = [hit for block in self._blocks(reading) for hit in self._hits(block)]
        if not hits:
            return ()
        grave = {hit.name for hit in hits if hit.score >= _USUAL}
        score = _SEVERAL if len(grave) > 1 else max(hit.score for hit in hits)
        blocks = sorted({(hit.block.start, hit.block.end) for hit in hits})
        return (
            Finding(
                self.name,
                self.version,
                CATEGORY,
                score,
                tuple(reading.span(start, end) for start, end in blocks),
                evidence={"behaviours": sorted({hit.name for hit in hits})},
            ),
        )

    def _blocks(self, reading: Reading) -> Iterator[CodeBlock]:
        return code_blocks(reading.text, self._line)

    def _hits(self, block: CodeBlock) -> Iterator[_Hit]:
        if block.language in _PYTHON:
            for behaviour in behaviours_of(block.text, self._python):
                yield _Hit(behaviour.name, behaviour.score, block)
        for rule in self._rules:
            if rule.holds(block.text):
                yield _Hit(rule.name, rule.score, block)


def open_malicious_code_filter(file: Path = RULES) -> MaliciousCodeFilter:
    """Return the detector with the rules that come with genq."""
    return MaliciousCodeFilter(tomllib.loads(file.read_text("utf-8")))


def _rule(row: Mapping[str, Any]) -> CodeRule:
    patterns = tuple(re.compile(pattern, re.MULTILINE) for pattern in row["patterns"])
    return CodeRule(row["name"], row.get("score", _USUAL), patterns)


def _behaviour(row: Mapping[str, Any], names: Mapping[str, str]) -> Behaviour:
    def written_out(patterns: Sequence[str]) -> Sequence[str]:
        return tuple(_written_out(pattern, names) for pattern in patterns)

    return Behaviour(
        row["name"],
        written_out(row["calls"]),
        written_out(row.get("strings", ())),
        row.get("score", _USUAL),
    )


def _written_out(pattern: str, names: Mapping[str, str]) -> str:
    for name, stands_for in names.items():
        pattern = pattern.replace(f"{{{name}}}", stands_for)
    return pattern

"""Which parts of a text are code, and in which language that says it is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

LONGEST: Final = 65_536
"""Characters of one block that are looked at."""
_MOST: Final = 64
_FENCE: Final = re.compile(
    r"^[ \t]{0,3}(`{3,}|~{3,})[ \t]{0,4}([\w+#.-]{0,24})[^\n]{0,200}$", re.MULTILINE
)
_LINE: Final = re.compile(
    r"^\s{0,24}(?:import \w|from [\w.]+ import|def \w+\(|async def |class \w+[(:{]|#!\s?/|function \w"
    r"|const \w|let \w+ ?=|var \w+ ?=|public (?:class|static)|#include|using namespace|<\?php|\$\w+ ?="
    r"|package \w+;?$|func \w+\(|fn \w+\(|if \[|if \(|for \(|while (?:\(|true|:)|try[:{ ]|except |with open"
    r"|sudo |curl -|curl http|wget |echo |chmod |rm -|nc -|bash -|powershell|Set-|Invoke-|New-Object|IEX"
    r"|Sub \w+\(|Private Sub|Dim \w|SELECT |DROP |CREATE TABLE|INSERT INTO|return |print\(|exec\(|eval\("
    r"|@echo off|python3? -c|perl -e|php -r|[\w.]+\([^()\n]{0,80}\)[;:]?$|[\w.\[\]]+ ?[-+]?= ?\S|[})\]];?$)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """Code in a text.

    Attributes:
        language: In lower case, as the text says; empty if it says none.
    """

    language: str
    text: str
    start: int
    end: int


def code_blocks(text: str) -> Iterator[CodeBlock]:
    """Yield the fenced blocks of a text, or all of it if most of its lines are code."""
    fences = list(_FENCE.finditer(text)) if "```" in text or "~~~" in text else []
    if not fences:
        if _is_code(text):
            yield CodeBlock("", text[:LONGEST], 0, min(len(text), LONGEST))
        return
    at = blocks = 0
    while at < len(fences) and blocks < _MOST:
        opening = fences[at]
        start = min(opening.end() + 1, len(text))
        # A fence that nobody closes goes on to the end.
        closing = fences[at + 1] if at + 1 < len(fences) else None
        end = closing.start() if closing else len(text)
        end = min(end, start + LONGEST)
        yield CodeBlock(opening.group(2).lower(), text[start:end], start, end)
        at += 2
        blocks += 1


def _is_code(text: str) -> bool:
    part = text[:4096]
    lines = sum(1 for line in part.splitlines() if line.strip())
    found = len(_LINE.findall(part))
    return found > 0 and found * 5 >= lines * 2

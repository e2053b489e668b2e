"""Which parts of a text are code, and in which language that says it is."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

LONGEST: Final = 65_536
"""Characters of one block that are looked at."""
_MOST: Final = 64
_BEGINNING: Final = 4_096
_SIGNS: Final = frozenset("(){}[]=|&;>/$\\")
_FENCE: Final = re.compile(
    r"^[ \t]{0,3}(`{3,}|~{3,})[ \t]{0,4}([\w+#.-]{0,24})[^\n]{0,200}$", re.MULTILINE
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


def line_of_code(beginnings: Sequence[str]) -> re.Pattern[str]:
    """Return what finds lines that begin like code."""
    return re.compile(rf"^\s{{0,24}}(?:{'|'.join(beginnings)})", re.MULTILINE)


def code_blocks(text: str, line: re.Pattern[str]) -> Iterator[CodeBlock]:
    """Yield the fenced blocks of a text, or all of it if most of its lines are code.

    Args:
        text: Any text.
        line: Finds lines of code, see ``line_of_code``.
    """
    fences = list(_FENCE.finditer(text)) if "```" in text or "~~~" in text else []
    if not fences:
        if _is_code(text, line):
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


def _is_code(text: str, line: re.Pattern[str]) -> bool:
    # Prose has neither, and this is asked of every text.
    if _SIGNS.isdisjoint(text):
        return False
    part = text[:_BEGINNING]
    lines = sum(1 for one in part.splitlines() if one.strip())
    found = sum(1 for _ in line.finditer(part))
    return found > 0 and found * 5 >= lines * 2

"""How much text is looked at: what is longer is refused before anything reads it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from schemas.safety import Stage

PROMPT_CHARS: Final = "limits.prompt_chars"
PROMPT_TOKENS: Final = "limits.prompt_tokens"
MAX_WINDOWS: Final = "limits.max_windows"
COMBINING_MARKS: Final = "limits.combining_marks"

OUTPUT_CHARS: Final = 200_000
"""What is read of an output; of a longer one the rest is not, and its coverage is partial."""
MARKS_OVER: Final = 1_000
"""Marks stacked on letters, beyond two each. No script needs more; ten thousand are a bomb."""

_WINDOW: Final = 128
_STRIDE: Final = 96
_LETTERS_A_TOKEN: Final = 6
_WORDS: Final = re.compile(r"[^\W_]+|[^\s\w]|_")
_STACKED: Final = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{3,}"
)


class Limits(Protocol):
    """What a policy says about the size of texts."""

    @property
    def prompt_chars(self) -> int:
        """Characters of a prompt, or of its context."""
        ...

    @property
    def prompt_tokens(self) -> int:
        """Words and marks of a prompt, long words counted as several: an estimate."""
        ...

    @property
    def max_windows(self) -> int:
        """Stretches of 128 tokens that are scored by themselves, each 96 after the last."""
        ...


@dataclass(frozen=True, slots=True)
class TextLimits:
    """The limits of the policy that comes with genq."""

    prompt_chars: int = 8_000
    prompt_tokens: int = 2_000
    max_windows: int = 64


def faults_of(text: str, stage: Stage, limits: Limits) -> Sequence[str]:
    """Return the limits that a text passes, as paths into the policy.

    An output is never too long: a tenant's model wrote it, and who reads it takes a part.
    The cheapest question comes first, so 12 MB are refused without a look at any of them.
    """
    passed: Sequence[str] = ()
    if stage is not Stage.OUTPUT:
        if len(text) > limits.prompt_chars:
            return (PROMPT_CHARS,)
        # A token has a character at least.
        most = _WINDOW + _STRIDE * (limits.max_windows - 1)
        if len(text) > min(limits.prompt_tokens, most):
            passed = _too_many_tokens(text, limits)
    stacked = 0 if text.isascii() else sum(len(run) - 2 for run in _STACKED.findall(text))
    return (*passed, COMBINING_MARKS) if stacked > MARKS_OVER else passed


def tokens_of(text: str) -> int:
    """Return about how many tokens a text has; never more than its characters."""
    return sum(-(-len(word) // _LETTERS_A_TOKEN) for word in _WORDS.findall(text))


def _too_many_tokens(text: str, limits: Limits) -> Sequence[str]:
    tokens = tokens_of(text)
    windows = 1 + max(0, -(-(tokens - _WINDOW) // _STRIDE))
    return tuple(
        name
        for name, passed in (
            (PROMPT_TOKENS, tokens > limits.prompt_tokens),
            (MAX_WINDOWS, windows > limits.max_windows),
        )
        if passed
    )

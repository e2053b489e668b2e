"""Moderation by keywords, in OpenAI's categories: enough to try both outcomes of a check."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

_FLAGGED_SCORE: Final = 0.97
_QUIET_SCORE: Final = 0.0004
_KEYWORDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "harassment": ("idiot", "idiots", "moron", "loser", "pathetic"),
        "harassment/threatening": ("hurt you", "find you", "make you pay"),
        "hate": ("subhuman", "vermin", "inferior race"),
        "hate/threatening": ("exterminate", "wipe them out"),
        "illicit": ("shoplift", "counterfeit", "launder money", "steal a car"),
        "illicit/violent": ("pipe bomb", "build a bomb", "make a bomb", "explosives"),
        "self-harm": ("suicide", "self-harm"),
        "self-harm/intent": ("kill myself", "end my life"),
        "self-harm/instructions": ("how to cut myself", "suicide methods"),
        "sexual": ("nude", "naked", "porn", "explicit sex"),
        "sexual/minors": ("underage sex", "sexualised child", "sexualized child"),
        "violence": ("kill", "murder", "stab", "shoot", "massacre", "bomb"),
        "violence/graphic": ("gore", "beheading", "dismember", "entrails"),
    }
)
_PATTERNS: Final[Mapping[str, re.Pattern[str]]] = MappingProxyType(
    {
        category: re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})\b", re.IGNORECASE)
        for category, words in _KEYWORDS.items()
    }
)


def judge(text: str) -> dict[str, Any]:
    """Return one entry of ``results`` of ``POST /v1/moderations``."""
    flags = {name: bool(pattern.search(text)) for name, pattern in _PATTERNS.items()}
    return {
        "flagged": any(flags.values()),
        "categories": flags,
        "category_scores": {
            name: _FLAGGED_SCORE if flag else _QUIET_SCORE for name, flag in flags.items()
        },
        "category_applied_input_types": {name: ["text"] for name in flags},
    }

"""Nothing secret and no prompt reaches a log line.

Two passes, because every line pays for them: fields are judged by name before rendering, and
the rendered line is searched for what looks like a secret. An innocent line costs one cached
look per field and a few substring searches; regular expressions run only after a marker.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, cast

from structlog.typing import EventDict, WrappedLogger

MASK: Final = "[redacted]"

_PLAIN: Final = 0
_SECRET: Final = 1
_PROMPT: Final = 2
_SECRET_NAME: Final = re.compile(
    r"authorization|cookie|passw(or)?d|secret|pepper|credential|signature"
    r"|(^|_)(api|access|private|signing|master|webhook)_?keys?$|^keys?$|(^|_)token$"
)
_PROMPT_NAMES: Final = frozenset(
    {
        "prompt", "negative_prompt", "revised_prompt", "input", "messages", "text", "content",
        "instructions", "extra_body", "suffix", "images", "mask", "texts", "choices",
        "embeddings",
    }
)  # fmt: skip
_MAX_DEPTH: Final = 8

# The marker is the cheap test, the pattern the surgery. The line may be JSON, so no pattern
# goes past a quote or an escape: what is cut out leaves valid JSON behind.
_SECRETS: Final = (
    (b"whsec_", re.compile(rb"whsec_[\w+/=-]+"), b"whsec_[redacted]"),
    (b"whsk_", re.compile(rb"whsk_[\w+/=-]+"), b"whsk_[redacted]"),
    (
        b"PRIVATE KEY-----",
        re.compile(rb"(?<=PRIVATE KEY-----)(?:[\w+/=\s]|\\n|\\r)+"),
        b"[redacted]",
    ),
    (b"gq_", re.compile(rb"(?<![A-Za-z0-9])gq_[\w-]{8,}"), b"gq_[redacted]"),
    (b"gqp_", re.compile(rb"gqp_[\w-]{8,}"), b"gqp_[redacted]"),
    (b"gqa_", re.compile(rb"gqa_[\w-]{8,}"), b"gqa_[redacted]"),
    (b"sk-", re.compile(rb"(?<![A-Za-z0-9])sk-[\w-]{8,}"), b"sk-[redacted]"),
    (b"earer ", re.compile(rb"(?<=earer ) *[^\s,'\"\\]+"), b"[redacted]"),
    (b"://", re.compile(rb"(?<=://)([^/\s:@\"\\]*):[^/\s@\"\\]+@"), rb"\1:[redacted]@"),
    (b"ignature=", re.compile(rb"(?<=ignature=)[^&\s'\"\\]+"), b"[redacted]"),
)
# Pydantic quotes what it was given, and what it was given may be a prompt.
_QUOTED_INPUT: Final = (
    b"input_value=",
    re.compile(rb"(?<=input_value=)(?:[^\"\\]|\\.)*?(?=, input_type=)"),
    b"[redacted]",
)


# Bounded, because names of nested fields can come from a caller's JSON.
@lru_cache(maxsize=1024)
def _judge(name: str) -> int:
    plain = name.lower().replace("-", "_")
    if _SECRET_NAME.search(plain):
        return _SECRET
    return _PROMPT if plain in _PROMPT_NAMES else _PLAIN


class FieldRedactor:
    """The structlog processor that masks fields by their names; it runs before rendering."""

    def __init__(self, *, log_prompts: bool) -> None:
        self._log_prompts = log_prompts

    def __call__(self, logger: WrappedLogger, method: str, event_dict: EventDict) -> EventDict:
        """Mask secret fields of ``event_dict`` in place, and prompts unless they are wanted."""
        del logger, method
        for name, value in event_dict.items():
            if _judge(name) or isinstance(value, (dict, list, tuple)):
                event_dict[name] = self._field(name, cast("object", value), 0)
        return event_dict

    def _field(self, name: str, value: object, depth: int) -> object:
        judged = _judge(name)
        if judged == _PLAIN or (judged == _PROMPT and self._log_prompts):
            return self._nested(value, depth)
        if value is None or value == "":
            return value
        if judged == _PROMPT and isinstance(value, str):
            return f"[redacted, {len(value)} characters]"
        return MASK

    def _nested(self, value: object, depth: int) -> object:
        if not isinstance(value, (Mapping, list, tuple)):
            return value
        if depth == _MAX_DEPTH:
            return MASK
        if isinstance(value, Mapping):
            fields = cast("Mapping[object, object]", value)
            return {str(n): self._field(str(n), v, depth + 1) for n, v in fields.items()}
        return [self._nested(item, depth + 1) for item in cast("Iterable[object]", value)]


class LineRedactor:
    """Masks what looks like a secret anywhere in a rendered line."""

    def __init__(self, *, log_prompts: bool) -> None:
        self._patterns = _SECRETS if log_prompts else (*_SECRETS, _QUOTED_INPUT)

    def __call__(self, line: bytes) -> bytes:
        """Return ``line`` (UTF-8, JSON or not) without secrets."""
        for marker, pattern, instead in self._patterns:
            if marker in line:
                line = pattern.sub(instead, line)
        return line

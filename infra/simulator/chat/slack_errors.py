"""Slack's errors: almost always 200 with ``ok`` false and a word."""

import math
from typing import Any

from infra.simulator.chat.wire import Answer, RefusedError, said


def fault(error: str, why: str = "", *, expected: bool = False, **more: Any) -> RefusedError:
    """Return a refusal with Slack's word for it."""
    answer = said({"ok": False, "error": error, **more})
    return RefusedError(answer, why or error, expected=expected)


def invalid_blocks(*faults: str) -> RefusedError:
    """Return what Slack says of blocks that it does not take."""
    messages = [f"[ERROR] {one}" for one in faults]
    metadata = {"messages": messages}
    why = "; ".join(faults)
    return fault("invalid_blocks", why, errors=list(faults), response_metadata=metadata)


def too_often(wait: float) -> Answer:
    """Return Slack's 429: it rounds up to whole seconds."""
    told = {"Retry-After": str(max(1, math.ceil(wait)))}
    return said({"ok": False, "error": "ratelimited"}, 429, told)

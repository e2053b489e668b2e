"""Tells receivers in a header what safety flagged of a job that went on."""

import re
from typing import Any, Final

import orjson

HEADER: Final = "x-genq-flags"

# Inside a text of JSON the quotes would be escaped: this is the member itself.
_JUDGED: Final = b'"safety":{'
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_MOST: Final = 20


def flag_headers(body: bytes) -> dict[str, str]:
    """Return ``x-genq-flags: pii.email,violence`` for an event of a job that was flagged.

    Of all other events nothing; most are told by one look for a few bytes.
    """
    if _JUDGED not in body:
        return {}
    safety: dict[str, Any] = orjson.loads(body)["data"].get("safety") or {}
    if safety.get("verdict") != "flag":
        return {}
    violations: list[str] = safety["violations"]
    named = [name for name in violations if _NAME.fullmatch(name)]
    return {HEADER: ",".join(named[:_MOST])} if named else {}

"""Request headers that shape an answer: ``Prefer``, ``Idempotency-Key``, ``If-None-Match``."""

import re
from typing import Final

from starlette.datastructures import Headers

from schemas.errors import FieldError, InputError

LONGEST_WAIT_SECONDS: Final = 60
LONGEST_IDEMPOTENCY_KEY: Final = 255

# RFC 7240: preferences are separated by commas, their parameters by semicolons.
_WAIT: Final = re.compile(
    r"""(?:^|,) \s* wait (?: \s*=\s* "?(?P<seconds>\d{1,9})"? )? \s* (?=$|[,;])""",
    re.IGNORECASE | re.VERBOSE,
)
_VISIBLE_ASCII: Final = re.compile(r"[!-~]+")


def preferred_wait(headers: Headers) -> int | None:
    """Return for how many seconds the caller would like to wait, at most 60, if at all.

    ``wait`` without a value asks for the longest wait. A preference that makes no sense is
    ignored, as RFC 7240 wants.
    """
    if "prefer" not in headers:
        return None
    asked = _WAIT.search(", ".join(headers.getlist("prefer")))
    if asked is None:
        return None
    seconds = asked["seconds"]
    return LONGEST_WAIT_SECONDS if seconds is None else min(int(seconds), LONGEST_WAIT_SECONDS)


def refuse_wait(headers: Headers, why: str) -> None:
    """Refuse a caller who would like to wait where that is not possible.

    Args:
        headers: Of the request.
        why: What to do instead.

    Raises:
        InputError: ``Prefer`` asks for a wait.
    """
    if preferred_wait(headers) is not None:
        raise InputError(
            "the Prefer header is not acceptable",
            fields=[FieldError("/headers/Prefer", f"wait is not possible here; {why}")],
        )


def idempotency_key(headers: Headers, route: str = "") -> str | None:
    """Return the caller's idempotency key as it is stored.

    Args:
        headers: Of the request.
        route: A name that sets the keys of this route apart; ``POST /v1/jobs`` has none.

    Raises:
        InputError: It is empty, too long, or holds anything but visible ASCII.
    """
    key = headers.get("idempotency-key")
    if key is None:
        return None
    if len(key) > LONGEST_IDEMPOTENCY_KEY or not _VISIBLE_ASCII.fullmatch(key):
        rule = f"1 to {LONGEST_IDEMPOTENCY_KEY} visible ASCII characters, such as a UUID"
        raise InputError(
            "the Idempotency-Key header is not acceptable",
            fields=[FieldError("/headers/Idempotency-Key", f"must have {rule}")],
        )
    # No key of a caller has a space in it.
    return f"{route} {key}" if route else key


def is_known(headers: Headers, etag: str) -> bool:
    """Return whether the caller has what ``etag`` names: then 304 says all."""
    known = headers.get("if-none-match")
    return known is not None and (etag in known or known.strip() == "*")

"""What OpenAI's clients say of a call in its headers: how long they wait, and which try it is.

The clients that Stainless generates send ``x-stainless-retry-count`` with every try, from 0.
Python's sends its read timeout, Node's its timeout if the caller set one.
"""

import math
from typing import Final

from starlette.datastructures import Headers

from producer.openai.endpoint import Defaults
from schemas.errors import FieldError, InputError
from schemas.lanes import DEFAULT_LANE, Lane

RETRY_COUNT: Final = "x-stainless-retry-count"
LANE: Final = "x-genq-lane"
CANCEL: Final = "x-genq-cancel-on-disconnect"
_TIMEOUTS: Final = ("x-stainless-read-timeout", "x-stainless-timeout")
# For the way back: the answer must be there before the client gives up.
_MARGIN_SECONDS: Final = 5.0
# Proxies and load balancers cut what is silent for a minute.
UNKNOWN_CLIENT_SECONDS: Final = 55.0
# Node's fetch waits five minutes for the head of an answer, whatever the client's timeout is.
_NO_TIMEOUT_SECONDS: Final = 285.0


def hold_seconds(headers: Headers, most: float) -> float:
    """Return for how long a call can be held.

    Args:
        headers: Of the request.
        most: Not longer, whatever the client says.
    """
    for name in _TIMEOUTS:
        told = _positive(headers.get(name))
        if told is not None:
            return min(most, max(told - _MARGIN_SECONDS, told / 2))
    return min(most, _NO_TIMEOUT_SECONDS if RETRY_COUNT in headers else UNKNOWN_CLIENT_SECONDS)


def is_repeated(headers: Headers) -> bool:
    """Return whether the client says that it made this call before."""
    told = headers.get(RETRY_COUNT, "")
    return told.isascii() and told.isdigit() and int(told[:9]) > 0


def repeats(headers: Headers) -> bool:
    """Return whether the client is one that repeats calls by itself, and says so."""
    return RETRY_COUNT in headers


def cancels(headers: Headers) -> bool:
    """Return whether the job is to end with the connection.

    Raises:
        InputError: ``X-Genq-Cancel-On-Disconnect`` says neither true nor false.
    """
    told = headers.get(CANCEL, "false").strip().lower()
    if told not in {"true", "false"}:
        raise InputError(
            "the X-Genq-Cancel-On-Disconnect header is not acceptable",
            fields=[
                FieldError("/headers/X-Genq-Cancel-On-Disconnect", "must be true or false")
            ],
        )
    return told == "true"


def defaults_of(headers: Headers) -> Defaults:
    """Return what a call's headers say of its job.

    Raises:
        InputError: ``X-Genq-Lane`` names no lane.
    """
    told = headers.get(LANE)
    if told is None:
        return Defaults()
    try:
        return Defaults(lane=Lane(told.strip().lower()))
    except ValueError:
        message = f"must be one of {', '.join(Lane)}; without it the lane is {DEFAULT_LANE}"
        raise InputError(
            "the X-Genq-Lane header is not acceptable",
            fields=[FieldError("/headers/X-Genq-Lane", message)],
        ) from None


def _positive(told: str | None) -> float | None:
    try:
        seconds = float(told or "")
    except ValueError:
        return None
    return seconds if 0 < seconds < math.inf else None

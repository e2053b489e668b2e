"""The throttle of an endpoint: so many requests a second, and never more. Pure.

The generic cell rate algorithm (ATM Forum, Traffic Management 4.0, annex A) with a burst of
one: requests are spread evenly. Its whole state is one instant, which survives its owner.
"""

import math
from datetime import datetime, timedelta
from typing import Final

# A request that begins this much too late takes nothing away from the next ones. What that
# could add to a second is taken off the rate, so that no second sees more than was allowed.
_LENIENCE: Final = timedelta(milliseconds=10)


def gap_of(rate: float) -> timedelta:
    """Return the time between two requests.

    Args:
        rate: Requests a second.
    """
    # Rounded up, or many gaps of a fraction of a microsecond too few would add up.
    return timedelta(microseconds=math.ceil((1 + _LENIENCE.total_seconds()) / rate * 1e6))


def free_at(throttled_until: datetime | None, *, rate: float | None, at: datetime) -> datetime:
    """Return when the next request may begin: ``at``, or later.

    Args:
        throttled_until: What ``after_request`` returned for the last one.
        rate: Requests a second; ``None``: no limit.
        at: Now.
    """
    if throttled_until is None or rate is None:
        return at
    # Nobody has to wait for longer than one gap, however far back a clock was set.
    return min(max(throttled_until, at), at + gap_of(rate))


def after_request(
    throttled_until: datetime | None, *, rate: float | None, at: datetime
) -> datetime | None:
    """Return when the request after the one that begins now may begin."""
    if rate is None:
        return None
    due = at if throttled_until is None else max(throttled_until, at - _LENIENCE)
    return min(due, at) + gap_of(rate)

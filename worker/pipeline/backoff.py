"""How long to wait before the next try: full jitter over an exponential ceiling."""

from datetime import timedelta
from typing import Final

# 2**60 times any base is past every cap, and still far from overflowing a float.
_MOST_DOUBLINGS: Final = 60
_SPREAD_SHARE: Final = 0.1
_LEAST_SPREAD: Final = 0.05
_MOST_SPREAD: Final = 5.0


def full_jitter(doublings: int, *, base: timedelta, cap: timedelta, random: float) -> timedelta:
    """Return a delay between zero and ``min(cap, base * 2**doublings)``.

    Full jitter spreads clients that failed together over the whole interval:
    https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/

    Args:
        doublings: How often it was tried before, 0 or more.
        base: The ceiling of the first delay.
        cap: The highest ceiling.
        random: Uniform in [0, 1).
    """
    ceiling = base.total_seconds() * 2.0 ** min(doublings, _MOST_DOUBLINGS)
    return timedelta(seconds=min(cap.total_seconds(), ceiling) * random)


def spread(asked: timedelta, doublings: int, *, cap: timedelta, random: float) -> timedelta:
    """Return a delay of at least ``asked``, and little more at first.

    Those who were told the same instant do not all come at it, and none comes before it. What
    is added is at most a tenth of ``asked`` (50 ms to 5 s); it doubles, so that a crowd that
    is too large for the other side thins out instead of coming back as a whole each time.

    Args:
        asked: How long the other side wants to be left alone.
        doublings: How often it was told so before.
        cap: The most that is added.
        random: Uniform in [0, 1).
    """
    first = min(max(asked.total_seconds() * _SPREAD_SHARE, _LEAST_SPREAD), _MOST_SPREAD)
    more = full_jitter(doublings, base=timedelta(seconds=first), cap=cap, random=random)
    return asked + more

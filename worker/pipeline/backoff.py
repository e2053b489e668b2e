"""How long to wait before the next try: full jitter over an exponential ceiling."""

from datetime import timedelta
from typing import Final

# 2**60 times any base is past every cap, and still far from overflowing a float.
_MOST_DOUBLINGS: Final = 60


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

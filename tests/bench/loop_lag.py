"""How late the worker's event loop runs what is due, from its own histogram."""

import re
import socket
from collections.abc import Mapping
from typing import Final

import aiohttp

# dispatch, work and deliver, in the order in which `genq up` numbers them.
PROCESSES: Final = 3
_WORK: Final = 1
_TRIES: Final = 100
_BUCKET: Final = re.compile(
    r'^genq_loop_lag_seconds_bucket\{le="([^"]+)"\} (\S+)$', re.MULTILINE
)

Buckets = Mapping[float, float]


def free_ports() -> int:
    """Return the first of as many neighbouring free ports as there are processes.

    Raises:
        RuntimeError: There are none.
    """
    for _ in range(_TRIES):
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            base: int = first.getsockname()[1]
            if all(_is_free(base + number) for number in range(1, PROCESSES)):
                return base
    raise RuntimeError("no three neighbouring ports are free")


async def read_buckets(http: aiohttp.ClientSession, metrics_port: int) -> Buckets:
    """Return how many looks were at most so late: upper bound in seconds to count."""
    url = f"http://127.0.0.1:{metrics_port + _WORK}/metrics"
    async with http.get(url) as answer:
        answer.raise_for_status()
        page = await answer.text()
    return {float(bound): float(count) for bound, count in _BUCKET.findall(page)}


def late_at_most(before: Buckets, after: Buckets, percent: float) -> float:
    """Return the bound, in seconds, that ``percent`` of the looks in between kept to."""
    counts = {bound: count - before.get(bound, 0.0) for bound, count in after.items()}
    wanted = max(counts.values(), default=0.0) * percent / 100
    return min((bound for bound, count in counts.items() if count >= wanted), default=0.0)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True

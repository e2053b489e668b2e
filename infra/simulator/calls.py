"""What arrived and when: tests ask whether a call was made, benchmarks how late it came."""

import hashlib
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import dropwhile, islice
from typing import Any, Final

from infra.clock import Clock
from infra.simulator.script import FaultKind, Operation

REMEMBERED_CALLS: Final = 20_000


@dataclass(slots=True)
class Call:
    """One call of a model route.

    Attributes:
        seq: 1 for the first call since the start or the last reset.
        on: The operation.
        at: Arrival in Unix seconds.
        monotonic: Arrival on the machine's monotonic clock, which all of its processes share.
        job: The ``x-genq-job`` header.
        request_id: The ``x-request-id`` header.
        prompt_hash: 16 hexadecimal digits of BLAKE2b of the prompt; see `hash_prompt`.
        fault: The fault that hit it.
        status: HTTP status; None while in flight, and if the client left.
        seconds: How long it took; None while in flight.
    """

    seq: int
    on: Operation
    at: float
    monotonic: float
    job: str | None
    request_id: str | None
    prompt_hash: str | None = None
    fault: FaultKind | None = None
    status: int | None = None
    seconds: float | None = None


class CallLog:
    """Counts all calls and remembers the last ones."""

    def __init__(self, clock: Clock, remembered: int = REMEMBERED_CALLS) -> None:
        self.clock = clock
        self._recent: deque[Call] = deque(maxlen=remembered)
        self.in_flight = 0
        self.reset()

    def reset(self) -> None:
        """Forget everything but what is in flight now."""
        self._recent.clear()
        self.seen: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.total = 0
        self.max_in_flight = self.in_flight

    def arrived(self, on: Operation, *, job: str | None, request_id: str | None) -> Call:
        """Record a new call."""
        self.total += 1
        self.seen[on] += 1
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        now = self.clock.now().timestamp()
        call = Call(self.total, on, now, self.clock.monotonic(), job, request_id)
        self._recent.append(call)
        return call

    def left(self, call: Call) -> None:
        """Record that a call was answered or abandoned."""
        self.in_flight -= 1
        call.seconds = self.clock.monotonic() - call.monotonic

    def hit(self, call: Call, kind: FaultKind) -> None:
        """Record that a fault hit a call."""
        call.fault = kind
        self.faults[kind.value] += 1

    def since(self, seq: int, limit: int) -> list[Call]:
        """Return remembered calls after ``seq``, oldest first."""
        recent: Iterator[Call] = dropwhile(lambda call: call.seq <= seq, self._recent)
        return list(islice(recent, limit))

    def summary(self) -> dict[str, Any]:
        """Return the counters as JSON types."""
        return {
            "total": self.total,
            "in_flight": self.in_flight,
            "max_in_flight": self.max_in_flight,
            "by_operation": dict(self.seen),
            "faults": dict(self.faults),
        }


def hash_prompt(prompt: str) -> str:
    """Return what `Call.prompt_hash` holds for a prompt."""
    return hashlib.blake2b(prompt.encode(), digest_size=8).hexdigest()

"""What a platform was asked, what was wrong with it, and the faults that a test puts there."""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from infra.clock import Clock
from infra.simulator.chat.wire import Answer, DroppedError, RefusedError, Request, said

# For those who play all day: tests stay far below.
_KEPT: Final = 20_000


@dataclass(slots=True)
class Logged:
    """One request to a platform.

    Attributes:
        at: The clock's seconds (``Clock.monotonic``).
        status: ``None`` while it is being answered.
        told: Its body, read; files are only named.
        faulted: A fault answered it.
    """

    platform: str
    request: Request
    at: float
    told: Any = None
    status: int | None = None
    answer: Answer | None = None
    faulted: bool = False

    @property
    def line(self) -> str:
        """``PATCH /webhooks/…``: what patterns are matched against."""
        return f"{self.request.method} {self.request.path}"


@dataclass(slots=True)
class Fault:
    """What happens to the next requests that match.

    Attributes:
        match: A regular expression that is searched for in ``PATCH /discord/api/v10/…``.
        times: How often it happens; it counts down.
        answer: Instead of acting.
        delay: Seconds before anything happens.
        gate: Nothing happens before it is set.
        drop: Act, and break the connection off.
    """

    match: str
    times: int = 1
    answer: Answer | None = None
    delay: float = 0.0
    gate: asyncio.Event | None = None
    drop: bool = False


@dataclass(slots=True)
class Ledger:
    """The log of all requests, and the faults to come.

    Attributes:
        violations: Every error that a bot brought upon itself: tests assert that it is empty.
        dropped: How many connections were broken off: a bot may repeat what it did then.
    """

    clock: Clock
    requests: list[Logged] = field(default_factory=list[Logged])
    violations: list[str] = field(default_factory=list[str])
    faults: list[Fault] = field(default_factory=list[Fault])
    dropped: int = 0

    def fail_next(
        self,
        match: str,
        status: int = 503,
        body: Any = None,
        times: int = 1,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer the next ``times`` requests that match with this, and do not act."""
        answer = said(body, status, headers) if body is not None else Answer(status, b"")
        self.faults.append(Fault(match, times, answer))

    def delay_next(self, match: str, seconds: float, times: int = 1) -> None:
        """Let the next requests that match wait."""
        self.faults.append(Fault(match, times, delay=seconds))

    def hold_next(self, match: str, times: int = 1) -> asyncio.Event:
        """Let the next requests that match wait until the event is set."""
        gate = asyncio.Event()
        self.faults.append(Fault(match, times, gate=gate))
        return gate

    def drop_next(self, match: str, times: int = 1) -> None:
        """Act on the next requests that match, and break the connection off."""
        self.faults.append(Fault(match, times, drop=True))

    def accuse(self, what: str) -> None:
        """Write down what a bot did wrong."""
        self.violations.append(what)

    def matching(self, match: str) -> list[Logged]:
        """Return the requests whose line matches."""
        return [entry for entry in self.requests if re.search(match, entry.line)]

    async def serve(
        self, platform: str, request: Request, act: Callable[[Request, Logged], Answer]
    ) -> Answer:
        """Log a request, play its fault, act on it, and judge the answer.

        Raises:
            DroppedError: The connection is to be broken off.
        """
        entry = Logged(platform, request, self.clock.monotonic())
        if len(self.requests) >= _KEPT:
            del self.requests[: _KEPT // 2]
        self.requests.append(entry)
        fault = self._take(entry)
        if fault is not None:
            await _wait(fault)
        if fault is not None and fault.answer is not None:
            entry.faulted = True
            answer = fault.answer
        else:
            answer = self._act(request, entry, act)
        entry.status, entry.answer = answer.status, answer
        if fault is not None and fault.drop:
            self.dropped += 1
            raise DroppedError
        return answer

    def _act(
        self, request: Request, entry: Logged, act: Callable[[Request, Logged], Answer]
    ) -> Answer:
        try:
            return act(request, entry)
        except RefusedError as refusal:
            if not refusal.expected:
                why = orjson.dumps(refusal.answer.json).decode()
                self.accuse(f"{entry.line}: {refusal.answer.status}: {refusal}: {why}")
            return refusal.answer
        except Exception as error:
            self.accuse(f"{entry.line}: this platform itself failed: {error!r}")
            raise

    def _take(self, entry: Logged) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and re.search(fault.match, entry.line):
                fault.times -= 1
                return fault
        return None


async def _wait(fault: Fault) -> None:
    if fault.delay:
        await asyncio.sleep(fault.delay)
    if fault.gate is not None:
        await fault.gate.wait()

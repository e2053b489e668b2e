"""Server-sent events of a stream: at once, or spread over the latency of the call."""

import asyncio
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from infra.clock import Clock
from infra.simulator.faults import break_off, garble
from infra.simulator.reply import Reply
from infra.simulator.script import Fault, FaultKind

_DONE: Final = b"data: [DONE]\n\n"
# The share of the latency that passes before the first token.
_FIRST_TOKEN: Final = 0.25


@dataclass(frozen=True, slots=True)
class Pace:
    """When an answer shall be there: ``due`` on the monotonic clock, begun at ``start``."""

    clock: Clock
    start: float
    due: float

    async def wait(self, share: float = 1.0) -> None:
        """Wait until ``share`` (0 to 1) of the time has passed."""
        left = self.start + (self.due - self.start) * share - self.clock.monotonic()
        if left > 0:
            await asyncio.sleep(left)


async def stream_events(
    request: web.Request,
    response: web.StreamResponse,
    reply: Reply,
    pace: Pace,
    fault: Fault | None,
) -> web.StreamResponse:
    """Send events and the closing mark; a cut or malformed stream goes wrong half way."""
    frames = reply.frames()
    if fault is not None:
        await pace.wait()
        half = b"".join(frames[: len(frames) // 2])
        if fault.kind is FaultKind.CUT:
            return await break_off(request, response, half)
        frames = [half, b"data: %b\n\n" % garble(reply.events[-1])]
    await response.prepare(request)
    if pace.due <= pace.start:
        frames = [b"".join(frames)]
    for number, frame in enumerate(frames):
        done = (number + 1) / len(frames)
        await pace.wait(done if reply.names else _share(number, len(frames)))
        await response.write(frame)
    await pace.wait()
    if not reply.names:
        await response.write(_DONE)
    return response


def _share(number: int, tokens: int) -> float:
    return _FIRST_TOKEN + (1 - _FIRST_TOKEN) * number / tokens

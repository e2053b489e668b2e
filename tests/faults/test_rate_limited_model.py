"""A model server refuses half of all calls: each job still succeeds, and nobody spins."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from infra.settings import Settings
from tests.fixtures.processes import HeldModel, System, system

EARLY_JOBS: Final = 24
LATE_JOBS: Final = 8
JOBS: Final = EARLY_JOBS + LATE_JOBS
RETRY_AFTER: Final = 2.0
# A call that left its worker before the refusal had arrived there, or the news of it.
IN_FLIGHT: Final = 0.5
# Calls of a wave are all in flight before the first of them is answered.
WAVE: Final = 0.3


class LimitedModel(HeldModel):
    """Answers every second call with 429 and ``Retry-After: 2``, a whole wave at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.arrivals: list[float] = []
        self.refusals: list[float] = []
        self._wave: asyncio.Task[None] | None = None

    async def generate(self, request: web.Request) -> web.Response:
        """Answer ``POST /v1/images/generations``."""
        await request.read()
        self.arrivals.append(time.monotonic())
        refused = len(self.arrivals) % 2 == 0
        if self._wave is None or self._wave.done():
            self._wave = asyncio.create_task(asyncio.sleep(WAVE))  # sleeps: gathers a wave
        await asyncio.shield(self._wave)
        if not refused:
            return self._painted()
        self.refusals.append(time.monotonic())
        return web.json_response(
            {"error": {"message": "slow down", "code": "rate_limit_exceeded"}},
            status=429,
            headers={"Retry-After": f"{RETRY_AFTER:g}"},
        )

    def too_early(self) -> list[float]:
        """How long after a refusal calls came that should have waited, if any did."""
        return [
            round(arrival - refusal, 3)
            for arrival in self.arrivals
            for refusal in self.refusals
            if refusal + IN_FLIGHT <= arrival < refusal + RETRY_AFTER
        ]


def play(settings: Settings, scene: Callable[[System, LimitedModel], Awaitable[None]]) -> None:
    async def run() -> None:
        model = LimitedModel()
        async with system(settings, model) as running:
            await scene(running, model)

    asyncio.run(run())


def test_half_of_all_calls_refused_cost_no_early_call_no_job_and_no_spin(
    settings: Settings,
) -> None:
    async def scene(running: System, model: LimitedModel) -> None:
        await running.start("dispatch", "deliver", "work")
        await running.run("another worker", "-m", "worker")
        jobs = await running.submit(EARLY_JOBS)
        await running.until("a call is refused", lambda: model.refusals)
        # Nobody refused these: they must hear of it.
        jobs += await running.submit(LATE_JOBS)

        await running.until_all_ended()

        await running.assert_each_succeeded_once(jobs)
        assert len(model.refusals) == len(model.arrivals) - JOBS >= JOBS - 2
        assert model.too_early() == []
        # 1 is ok, 4 rate_limited, 9 snoozed: nothing was counted against a job.
        outcomes = await running.sql("SELECT DISTINCT outcome FROM attempt")
        assert {row.outcome for row in outcomes} <= {1, 4, 9}
        released = (await running.sql("SELECT sum(releases) FROM job"))[0][0]
        assert len(model.arrivals) <= released <= 2.1 * JOBS

    play(settings, scene)

"""When OpenAI's client comes back by itself, if it was told when, and what it raises if not."""

import asyncio
from dataclasses import replace
from itertools import cycle

import pytest
from openai import AsyncOpenAI, RateLimitError

from infra.call_gate import CallGate, CallTurn
from infra.settings import Settings
from producer.api.services import Services
from tests.api.served import Served, run
from tests.fixtures.until import until


class Gate(CallGate):
    """Sends callers away, each for the next so many seconds; then it lets them in."""

    def __init__(self) -> None:
        super().__init__("redis://nowhere.invalid")
        self.waits: list[float] = []
        self.asked = 0

    async def take(self, key: str, per_minute: int) -> CallTurn:
        self.asked += 1
        wait = self.waits.pop(0) if self.waits else 0.0
        return CallTurn(granted=not wait, left=0, full_in=wait, wait=wait)


def test_a_client_comes_back_when_it_is_told_to_unless_that_is_in_over_two_minutes(
    settings: Settings,
) -> None:
    gate = Gate()

    async def scenario(api: Served) -> None:
        async with AsyncOpenAI(base_url=f"{api.url}/v1", api_key=api.key) as client:
            calls = cycle([client.models.list, client.files.list, client.batches.list])

            async def told(*waits: float) -> tuple[RateLimitError, int]:
                gate.waits, gate.asked = list(waits), 0
                with pytest.raises(RateLimitError) as caught:
                    await next(calls)()
                return caught.value, gate.asked

            # To the millisecond: by Retry-After it would be a second each time.
            gate.waits = [0.02] * 12
            async with asyncio.timeout(10):
                assert (await client.with_options(max_retries=12).models.list()).data

            error, asked = await told(121.0, 0.02)
            headers = error.response.headers
            assert asked == 1
            assert (error.code, error.type) == ("rate_limit_exceeded", "requests")
            assert (headers["retry-after"], headers["retry-after-ms"]) == ("121", "121000")
            assert "x-should-retry" not in headers

            # Two repetitions are all, however soon they may come.
            assert (await told(0.01, 0.01, 0.01, 0.01))[1] == 3

            # Two minutes it does wait.
            async with asyncio.TaskGroup() as group:
                waiting = group.create_task(told(120.0))
                await until(lambda: gate.asked == 1, "it has called")
                assert not (await asyncio.wait([waiting], timeout=0.2))[0]
                waiting.cancel()

    def change(opened: Services) -> Services:
        return replace(opened, calls=gate)

    run(settings.model_copy(update={"calls_per_minute": 1}), scenario, change)

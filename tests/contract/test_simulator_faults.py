"""Scripted faults through the official SDK: each raises what the real thing would raise."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import openai
import pytest

from infra.simulator.script import Fault, FaultKind
from tests.fixtures.simulation import PATIENCE, PROMPT, SMALL, Simulation, with_simulation
from tests.fixtures.until import until

ASKED: Any = [{"role": "user", "content": PROMPT}]
# A body that ends early, and one that is no JSON, reach the caller as these.
BROKEN = (openai.APIConnectionError, openai.APIResponseValidationError, ValueError)

MEANINGS: dict[FaultKind, tuple[type[Exception], ...]] = {
    FaultKind.RATE_LIMIT: (openai.RateLimitError,),
    FaultKind.SERVER_ERROR: (openai.InternalServerError,),
    FaultKind.CUT: BROKEN,
    FaultKind.MALFORMED: BROKEN,
    FaultKind.REJECT: (openai.BadRequestError,),
    FaultKind.REFUSE_CONTENT: (openai.BadRequestError,),
    FaultKind.UNAUTHORIZED: (openai.AuthenticationError,),
}


def call(running: Simulation, operation: str, prompt: str = PROMPT) -> Awaitable[Any]:
    sdk = running.sdk
    if operation == "images":
        size: Any = SMALL
        return sdk.images.generate(model="sim-image-1", prompt=prompt, size=size)
    if operation == "chat":
        asked: Any = [{"role": "user", "content": prompt}]
        return sdk.chat.completions.create(model="sim-chat-1", messages=asked)
    if operation == "embeddings":
        return sdk.embeddings.create(model="sim-embedding-1", input=prompt)
    return sdk.moderations.create(model="sim-moderation-1", input=prompt)


def failure(operation: str, fault: Fault) -> Any:
    async def scenario(running: Simulation) -> Exception:
        running.play(fault)
        with pytest.raises(MEANINGS[fault.kind]) as raised:
            await call(running, operation)
        assert running.service.calls.faults == {fault.kind.value: 1}
        await call(running, operation)  # the next one is well again
        return raised.value

    return with_simulation(scenario)


@pytest.mark.parametrize("operation", ["images", "chat", "embeddings", "moderations"])
@pytest.mark.parametrize("kind", MEANINGS)
def test_a_fault_raises_what_the_real_thing_would(kind: FaultKind, operation: str) -> None:
    assert failure(operation, Fault(kind=kind))


def test_a_rate_limit_says_when_to_come_back() -> None:
    error = failure("images", Fault(kind=FaultKind.RATE_LIMIT, retry_after=1.5))
    assert error.response.headers["retry-after"] == "1.5"
    assert error.response.headers["retry-after-ms"] == "1500"
    assert error.code == "rate_limit_exceeded"


@pytest.mark.parametrize("status", [500, 502, 503, 504, 529])
def test_a_server_error_has_the_status_asked_for(status: int) -> None:
    error = failure("chat", Fault(kind=FaultKind.SERVER_ERROR, status=status, retry_after=2))
    assert error.status_code == status
    assert error.response.headers["retry-after"] == "2"


def test_refused_content_carries_openais_codes() -> None:
    pictures = failure("images", Fault(kind=FaultKind.REFUSE_CONTENT))
    assert (pictures.code, pictures.type) == (
        "moderation_blocked",
        "image_generation_user_error",
    )
    assert failure("chat", Fault(kind=FaultKind.REFUSE_CONTENT)).code == (
        "content_policy_violation"
    )
    named = Fault(kind=FaultKind.REFUSE_CONTENT, code="content_policy_violation")
    assert failure("images", named).code == "content_policy_violation"


def test_a_call_that_hangs_lasts_until_the_client_leaves() -> None:
    async def scenario(running: Simulation) -> None:
        running.play(Fault(kind=FaultKind.HANG, times=None))
        calls = running.service.calls
        asked = asyncio.create_task(asyncio.wait_for(call(running, "images"), PATIENCE))
        await until(lambda: calls.faults["hang"] == 1, "the call hangs")
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        await until(lambda: calls.in_flight == 0, "the simulator noticed")
        with pytest.raises(openai.APITimeoutError):
            await running.sdk.with_options(timeout=0.2).embeddings.create(
                model="sim-embedding-1", input="x"
            )

    with_simulation(scenario)


@pytest.mark.parametrize("kind", [FaultKind.CUT, FaultKind.MALFORMED])
def test_a_stream_goes_wrong_half_way(kind: FaultKind) -> None:
    async def scenario(running: Simulation) -> None:
        running.play(Fault(kind=kind))
        stream = await running.sdk.chat.completions.create(
            model="sim-chat-1", messages=ASKED, stream=True
        )
        heard: list[str] = []

        async def listen() -> None:
            async for chunk in stream:
                heard.append(chunk.choices[0].delta.content or "")  # noqa: PERF401 - what came before the break counts

        with pytest.raises(BROKEN):
            await listen()
        assert len("".join(heard)) > 20

    with_simulation(scenario)


def test_faults_keep_to_their_operation_and_prompt() -> None:
    async def scenario(running: Simulation) -> None:
        running.play(Fault(kind=FaultKind.REJECT, on="chat", match="kite", times=None))
        await call(running, "images", "a kite")
        await call(running, "chat", "a fox")
        with pytest.raises(openai.BadRequestError):
            await call(running, "chat", "a kite")

    with_simulation(scenario)


def test_latency_is_kept_for_each_of_many_calls_at_once() -> None:
    async def scenario(running: Simulation) -> None:
        await call(running, "images")
        running.play(latency=0.3)
        await asyncio.gather(*(call(running, "images") for _ in range(30)))
        took = [entry.seconds for entry in running.service.calls.since(1, 100)]
        assert len(took) == 30
        assert all(seconds is not None and seconds >= 0.3 for seconds in took)
        assert running.service.calls.max_in_flight == 30

    with_simulation(scenario)

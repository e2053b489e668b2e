"""Limits per second: held over all workers in Valkey, and by each worker while it is away."""

import asyncio
import socket
import time
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, Final, TypeVar

import redis
from hypothesis import given
from hypothesis import strategies as st

from infra.rate_gate import LocalRates, RateGate, RateLimit, Turn
from tests.fixtures.patient_loop import run_patiently

Result = TypeVar("Result")

PATIENCE: Final = timedelta(seconds=5)
LIMIT: Final = RateLimit("kites", 50, burst=5)


def run(work: Coroutine[Any, Any, Result]) -> Result:
    async def limited() -> Result:
        async with asyncio.timeout(20):
            return await work

    return run_patiently(limited())


async def calls(gate: RateGate, count: int, *limits: RateLimit) -> list[float]:
    """The instants at which so many calls, all asked for at once, may be made."""

    async def one() -> float:
        turn = await gate.reserve(limits, PATIENCE)
        asked = time.monotonic()
        assert turn.granted
        return asked + turn.wait.total_seconds()

    return list(await asyncio.gather(*[one() for _ in range(count)]))


def test_two_workers_at_once_never_exceed_the_rate_and_its_burst(valkey_url: str) -> None:
    async def instants(gate: RateGate) -> list[tuple[int, int]]:
        """When each was asked for and may be made, in microseconds of Valkey's clock."""
        line = asyncio.Semaphore(10)

        async def one() -> tuple[int, int, int]:
            async with line:
                return await gate._ask([LIMIT], PATIENCE)

        answers = await asyncio.gather(*[one() for _ in range(75)])
        assert all(granted for granted, _, _ in answers)
        return [(now, now + wait) for _, wait, now in answers]

    async def scene() -> list[tuple[int, int]]:
        one, two = RateGate(valkey_url), RateGate(valkey_url)
        both = await asyncio.gather(instants(one), instants(two))
        await one.close()
        await two.close()
        return both[0] + both[1]

    found = run(scene())
    asked, turns = sorted(now for now, _ in found), sorted(turn for _, turn in found)

    for first, begin in enumerate(turns):
        for last in range(first, len(turns)):
            assert last - first + 1 <= 5 + (turns[last] - begin) * 50 / 1_000_000
    # And not a microsecond slower: no call costs more than its 20 ms, of which a burst of five
    # may be owed, and all that asked later than that waited for nothing.
    left = zip(asked, range(len(asked), 0, -1), strict=True)
    paced = max(now + 20_000 * calls for now, calls in left) - 5 * 20_000
    assert turns[-1] == max(asked[-1], paced)


def test_a_turn_that_is_too_far_away_is_not_reserved(valkey_url: str) -> None:
    async def scene() -> tuple[list[Turn], Turn]:
        gate = RateGate(valkey_url)
        slow = RateLimit("slow", 1)
        granted = [await gate.reserve([slow], timedelta(seconds=3)) for _ in range(6)]
        await gate.close()
        return granted[:4], granted[5]

    turns, refused = run(scene())

    assert [turn.granted for turn in turns] == [True, True, True, True]
    # Two were refused: had they been reserved, this would be 5.
    assert not refused.granted
    assert timedelta(seconds=3) < refused.wait <= timedelta(seconds=4)


def test_all_limits_of_a_call_are_reserved_or_none(valkey_url: str) -> None:
    async def scene() -> tuple[Turn, Turn]:
        gate = RateGate(valkey_url)
        fast, slow = RateLimit("fast", 1000), RateLimit("slow", 1)
        await gate.reserve([slow], timedelta(0))
        both = await gate.reserve([fast, slow], timedelta(0))
        alone = await gate.reserve([fast], timedelta(0))
        await gate.close()
        return both, alone

    both, alone = run(scene())

    assert not both.granted
    assert alone == Turn(granted=True, wait=timedelta(0))


def test_what_is_reserved_is_forgotten_when_its_time_has_passed(valkey_url: str) -> None:
    async def scene() -> None:
        gate = RateGate(valkey_url)
        await calls(gate, 3, LIMIT)
        await gate.close()

    run(scene())

    with redis.Redis.from_url(valkey_url) as client:
        left = client.pttl("genq:rate:kites")
        assert isinstance(left, int)
        assert 0 < left <= 1_100


def test_without_valkey_a_worker_goes_on_at_the_same_rate_by_itself() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    async def scene() -> tuple[float, list[float]]:
        gate = RateGate(f"redis://127.0.0.1:{port}/0")
        loop = asyncio.get_running_loop()
        begun, asked = time.monotonic(), loop.time()
        instants = await calls(gate, 30, LIMIT)
        answered = loop.time() - asked
        await gate.close()
        return answered, [at - begun for at in instants]

    answered, instants = run(scene())

    assert answered < 2
    assert max(instants) > (30 - 5) / 50


def test_a_valkey_that_does_not_answer_holds_nobody_up_for_long() -> None:
    async def scene() -> float:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            gate = RateGate(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
            loop = asyncio.get_running_loop()
            begun = loop.time()
            for _ in range(5):
                await gate.reserve([LIMIT], PATIENCE)
            took = loop.time() - begun
            await gate.close()
            return took

    # One call waits for an answer, the others know better.
    assert run(scene()) < 2


def test_a_valkey_that_comes_back_is_used_again(valkey_url: str) -> None:
    async def scene() -> bool:
        gate = RateGate(valkey_url)
        await gate.reserve([LIMIT], PATIENCE)
        # As after a failed call: nobody looks for a while, then one does.
        gate._look_at = time.monotonic() + 0.1
        with redis.Redis.from_url(valkey_url) as client:
            client.flushall()
            await gate.reserve([LIMIT], PATIENCE)
            alone = not client.keys()
            await asyncio.sleep(0.15)  # sleeps: until somebody looks again
            await gate.reserve([LIMIT], PATIENCE)
            found = bool(client.keys())
        await gate.close()
        return alone and found

    assert run(scene())


@given(
    st.lists(st.integers(0, 200_000), min_size=1, max_size=80),
    st.integers(1, 100),
    st.integers(1, 10),
)
def test_in_no_window_are_there_more_turns_than_rate_and_burst(
    pauses: list[int], per_second: int, burst: int
) -> None:
    rates, limit = LocalRates(), RateLimit("x", per_second, burst)
    now, turns = 0, list[int]()

    for pause in pauses:
        now += pause
        turn = rates.reserve([limit], timedelta(days=1), now)
        turns.append(now + turn.wait // timedelta(microseconds=1))

    turns.sort()
    for first, begin in enumerate(turns):
        for last in range(first, len(turns)):
            window = turns[last] - begin
            assert last - first + 1 <= burst + window * per_second / 1_000_000 + 1e-6

"""Calls per minute: one count over all processes in Valkey, one of its own while it is away."""

import asyncio
import socket
from collections.abc import Coroutine
from typing import Any, TypeVar

import redis
from hypothesis import given
from hypothesis import strategies as st

from infra.call_gate import CallGate, CallTurn, LocalCalls, _Asked

Result = TypeVar("Result")


def run(work: Coroutine[Any, Any, Result]) -> Result:
    async def limited() -> Result:
        async with asyncio.timeout(20):
            return await work

    return asyncio.run(limited())


async def together(
    gate: CallGate, count: int, key: str = "1", per_minute: int = 30
) -> list[CallTurn]:
    return list(await asyncio.gather(*[gate.take(key, per_minute) for _ in range(count)]))


def granted(turns: list[CallTurn]) -> int:
    return sum(turn.granted for turn in turns)


def test_two_processes_together_grant_a_minutes_calls_and_no_more(valkey_url: str) -> None:
    async def scene() -> tuple[list[CallTurn], list[CallTurn]]:
        one, two = CallGate(valkey_url), CallGate(valkey_url)
        both = await asyncio.gather(together(one, 25), together(two, 25))
        await one.close()
        await two.close()
        return both

    mine, theirs = run(scene())

    assert granted(mine) + granted(theirs) == 30
    assert all(0 < turn.wait <= 2 for turn in mine + theirs if not turn.granted)
    assert {turn.left for turn in mine + theirs if turn.granted} == set(range(30))


def test_calls_that_come_together_are_asked_about_together(valkey_url: str) -> None:
    async def scene() -> None:
        gate = CallGate(valkey_url)
        await gate.take("warm", 10)
        for round_of in range(5):
            await asyncio.gather(*[gate.take(f"{round_of} {n % 7}", 1000) for n in range(100)])
        await gate.close()

    with redis.Redis.from_url(valkey_url) as client:
        client.config_resetstat()
        run(scene())
        told: Any = client.info("commandstats")

    # One for each round, and one that had to send the script first.
    assert told["cmdstat_evalsha"]["calls"] <= 1 + 1 + 5


def test_while_valkey_is_away_each_process_counts_for_itself_and_comes_back(
    valkey_url: str,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        nobody = f"redis://127.0.0.1:{probe.getsockname()[1]}/0"

    async def scene() -> tuple[list[CallTurn], list[CallTurn]]:
        gate = CallGate(nobody)
        alone = await together(gate, 40)
        # It is back: the next look finds it, and no call waits for the look.
        back = CallGate(valkey_url)
        gate._redis, back._redis = back._redis, gate._redis
        gate._script, back._script = back._script, gate._script
        gate._look_at = 0.0
        await gate.take("other", 30)
        assert gate._looking is not None
        await gate._looking
        again = await together(gate, 40)
        await gate.close()
        await back.close()
        return alone, again

    alone, again = run(scene())

    assert granted(alone) == 30
    assert granted(again) == 30


def test_a_valkey_that_does_not_answer_holds_nobody_up_for_long() -> None:
    async def scene() -> float:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            gate = CallGate(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
            loop = asyncio.get_running_loop()
            began = loop.time()
            await together(gate, 20)
            await together(gate, 20)
            took = loop.time() - began
            await gate.close()
        return took

    assert run(scene()) < 3


@given(
    per_minute=st.integers(1, 100),
    pauses=st.lists(st.integers(0, 3_000_000), min_size=1, max_size=60),
)
def test_in_no_minute_are_more_calls_granted_than_two_minutes_worth(
    per_minute: int, pauses: list[int]
) -> None:
    calls, now, instants = LocalCalls(), 0, list[int]()
    for pause in pauses:
        now += pause
        turn = calls.take(_Asked("k", per_minute), now)
        assert (turn.wait == 0) == (turn.left > 0)
        if turn.granted:
            instants.append(now)
        else:
            # The next one is granted exactly when it was promised.
            then = now + round(turn.wait * 1_000_000)
            assert not would_be_granted(calls, per_minute, then - 2)
            assert would_be_granted(calls, per_minute, then)
    emission = -(-60_000_000 // per_minute)
    for first, begin in enumerate(instants):
        for last in range(first, len(instants)):
            assert last - first + 1 <= per_minute + (instants[last] - begin) / emission + 1e-6


def would_be_granted(calls: LocalCalls, per_minute: int, now: int) -> bool:
    """Whether a call would be granted then."""
    trial = LocalCalls()
    trial._arrivals = dict(calls._arrivals)
    return trial.take(_Asked("k", per_minute), now).granted

"""Which server gets a call, by each strategy, and how much of their power is used."""

import asyncio
import itertools
from collections import Counter
from datetime import timedelta
from typing import Final

import pytest

from schemas.routing import Strategy
from tests.fixtures.leaping_loop import later, leap
from tests.fixtures.timed_servers import Fleet, Timed

COOL_DOWN: Final = 15.0


@pytest.mark.parametrize(
    ("strategy", "at_once"),
    [
        (Strategy.LEAST_LOADED, 200),
        (Strategy.ROUND_ROBIN, 200),
        (Strategy.CHEAPEST, 200),
        (Strategy.RESPONSE_TIME, 200),
        # Fewer jobs than places: only who knows how long servers take can choose well.
        (Strategy.RESPONSE_TIME, 12),
    ],
)
def test_a_slow_and_a_dead_server_cost_five_percent_of_the_ideal_at_most(
    strategy: Strategy, at_once: int
) -> None:
    fleet = Fleet(
        strategy,
        Timed("fast", 1.0, concurrency=8),
        Timed("slow", 2.0, concurrency=8),
        Timed("dead", None, concurrency=8),
    )
    ideal = 8 / 1.0 + min(8, at_once - 8) / 2.0

    async def play() -> tuple[Counter[str], float]:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        done = await fleet.jobs(2_000, at_once=at_once)
        return done, 2_000 / (loop.time() - begun)

    done, rate = leap(play())

    assert done["fast"] + done["slow"] == 2_000
    assert rate >= 0.95 * ideal


def test_a_dead_server_gets_one_probe_in_a_cool_down_and_fails_no_job() -> None:
    fleet = Fleet(
        Strategy.LEAST_LOADED,
        Timed("sound", 0.5, concurrency=8),
        Timed("dead", None, concurrency=8),
    )

    done = leap(fleet.jobs(2_000, at_once=20))

    assert done == {"sound": 2_000}
    begun = fleet.models["dead"].begun
    tries = [then for then in begun if then > begun[0] + 1]
    assert len(tries) >= 5
    assert all(b - a >= COOL_DOWN for a, b in itertools.pairwise(tries))


def test_a_server_that_is_back_gets_its_share_after_one_probe() -> None:
    fleet = Fleet(
        Strategy.LEAST_LOADED,
        Timed("sound", 0.5, concurrency=8),
        Timed("dead", None, concurrency=8),
    )

    async def play() -> Counter[str]:
        await fleet.jobs(40, at_once=16)
        fleet.models["dead"].seconds = 0.5
        await later(COOL_DOWN)
        await fleet.job()
        await fleet.job()
        return await fleet.jobs(100, at_once=16)

    assert leap(play())["dead"] == 50


def test_a_call_that_waits_gets_the_first_place_that_falls_free_at_any_server() -> None:
    fleet = Fleet(
        Strategy.LEAST_LOADED,
        Timed("slow", 100.0, concurrency=1),
        Timed("fast", 1.0, concurrency=1),
    )

    assert leap(fleet.jobs(60, at_once=60)) == {"slow": 1, "fast": 59}


def test_a_call_that_gives_up_waiting_leaves_its_place_to_the_next() -> None:
    fleet = Fleet(Strategy.LEAST_LOADED, Timed("only", 1.0, concurrency=1))

    async def play() -> float:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        tasks = [asyncio.create_task(fleet.job()) for _ in range(4)]
        await later(0.5)
        tasks[1].cancel()
        await later(0.5)
        # In the very moment in which it was given the place.
        tasks[2].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return loop.time() - begun

    assert leap(play()) in {2.0, 3.0}
    assert fleet.load.calls(fleet.servers[0]) == 0


def test_round_robin_gives_each_its_turn() -> None:
    fleet = Fleet(Strategy.ROUND_ROBIN, *(Timed(name, 1.0) for name in "abc"))

    assert leap(_one_after_the_other(fleet, 7)) == list("abcabca")


def test_least_loaded_counts_places_and_not_calls() -> None:
    fleet = Fleet(
        Strategy.LEAST_LOADED,
        Timed("large", 1.0, concurrency=30),
        Timed("small", 1.0, concurrency=10),
    )

    assert leap(fleet.jobs(20, at_once=20)) == {"large": 15, "small": 5}


def test_response_time_prefers_who_was_fast_until_it_has_too_many_calls() -> None:
    fleet = Fleet(Strategy.RESPONSE_TIME, Timed("fast", 1.0), Timed("slow", 4.0))

    async def play() -> Counter[str]:
        await fleet.jobs(2, at_once=2)
        return await fleet.jobs(20, at_once=20)

    assert leap(play()) == {"fast": 16, "slow": 4}


def test_response_time_forgets_that_a_server_was_slow_once() -> None:
    fleet = Fleet(Strategy.RESPONSE_TIME, Timed("a", 1.0), Timed("b", 60.0))

    async def play() -> list[str]:
        await fleet.jobs(2, at_once=2)
        fleet.models["b"].seconds = 1.0
        before = await _one_after_the_other(fleet, 1)
        done: list[str] = []
        while "b" not in done:
            await later(30)
            done += await _one_after_the_other(fleet, 1)
        return before + done

    done = leap(play())

    assert done[0] == "a"
    assert len(done) < 20


@pytest.mark.parametrize("seen", [False, True])
def test_response_time_keeps_calls_away_from_a_server_that_hangs(seen: bool) -> None:
    fleet = Fleet(
        Strategy.RESPONSE_TIME, Timed("sound", 2.0), Timed("hung", 2.0 if seen else 1e9)
    )

    async def play() -> int:
        if seen:
            await fleet.jobs(2, at_once=2)
        fleet.models["hung"].seconds = 1e9
        slots = asyncio.Semaphore(50)

        async def worker() -> None:
            while True:
                async with slots:
                    await fleet.job()

        tasks = [asyncio.create_task(worker()) for _ in range(50)]
        await later(600)
        held = fleet.load.calls(fleet.models["hung"].server)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return held

    # Its half of the first fifty, of whom nothing is known; none in the ten minutes afterwards.
    assert leap(play()) == 25


def test_calls_that_wait_are_not_handed_to_a_server_that_died_meanwhile() -> None:
    fleet = Fleet(
        Strategy.LEAST_LOADED,
        Timed("dies", 1.0, concurrency=4),
        Timed("sound", 1.0, concurrency=4),
    )

    async def play() -> Counter[str]:
        jobs = asyncio.create_task(fleet.jobs(60, at_once=60))
        await later(1.5)
        fleet.models["dies"].seconds = None
        return await jobs

    done = leap(play())

    assert done.total() == 60
    # Four begun before and four at its death; then it is known, but for one probe.
    assert len(fleet.models["dies"].begun) <= 4 + 4 + 4 + 1


def test_calls_that_wait_go_to_a_server_that_opens_meanwhile() -> None:
    fleet = Fleet(
        Strategy.LEAST_LOADED,
        Timed("closed", 1.0, concurrency=2),
        Timed("hangs", 1e6, concurrency=2),
    )

    async def play() -> Counter[str]:
        fleet.gate.close("closed", timedelta(seconds=3))
        tasks = [asyncio.create_task(fleet.job()) for _ in range(10)]
        await later(60)
        done = Counter(task.result() for task in tasks if task.done())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return done

    assert leap(play()) == {"closed": 8}


def test_weights_are_shares_of_the_calls_and_zero_is_none() -> None:
    fleet = Fleet(
        Strategy.WEIGHTED,
        Timed("main", 1.0, weight=90),
        Timed("canary", 1.0, weight=10),
        Timed("off", 1.0, weight=0),
    )

    assert leap(fleet.jobs(200, at_once=20)) == {"main": 180, "canary": 20}


def test_weighted_calls_wait_for_their_server_rather_than_move_the_weights() -> None:
    fleet = Fleet(
        Strategy.WEIGHTED,
        Timed("main", 1.0, weight=9, concurrency=1),
        Timed("canary", 1.0, weight=1),
    )

    assert leap(fleet.jobs(50, at_once=50)) == {"main": 45, "canary": 5}


def test_a_server_of_weight_zero_is_used_when_the_others_fail() -> None:
    fleet = Fleet(Strategy.WEIGHTED, Timed("main", None), Timed("off", 1.0, weight=0))

    assert leap(fleet.jobs(3, at_once=1)) == {"off": 3}


def test_cheapest_fills_the_cheap_server_before_the_next_dearer_one() -> None:
    fleet = Fleet(
        Strategy.CHEAPEST,
        Timed("dear", 1.0, price=0.04),
        Timed("cheap", 1.0, price=0.01, concurrency=3),
        Timed("free", 1.0, concurrency=2),
    )

    assert leap(fleet.jobs(7, at_once=7)) == {"free": 2, "cheap": 3, "dear": 2}


async def _one_after_the_other(fleet: Fleet, number: int) -> list[str]:
    return [await fleet.job() for _ in range(number)]

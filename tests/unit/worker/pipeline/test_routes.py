"""Routes at run time: who gets which call, and what never gets one."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Final

import pytest

from schemas.queue_errors import ModelBusyError
from schemas.routing import Strategy
from tests.fixtures.leaping_loop import later, leap
from tests.fixtures.timed_servers import MODEL, Fleet, Timed, say

CHAT: Final = "sim-chat-1"
BUSY: Final = timedelta(seconds=5)


async def each(fleet: Fleet, number: int) -> list[str]:
    return [await fleet.job() for _ in range(number)]


@pytest.mark.parametrize("at_once", [1, 40])
def test_a_canary_of_ten_percent_gets_100_of_1000_calls(at_once: int) -> None:
    fleet = Fleet(Strategy.LEAST_LOADED, *(Timed(name, 1.0) for name in ("a", "b", "new")))
    say(fleet, servers={"new": {"canary": 10}})

    done = leap(fleet.jobs(1_000, at_once=at_once))

    assert abs(done["new"] - 100) <= 1
    assert done.total() == 1_000


@pytest.mark.parametrize("strategy", list(Strategy))
def test_canary_shares_are_exact_with_every_strategy_and_among_each_other(
    strategy: Strategy,
) -> None:
    fleet = Fleet(strategy, *(Timed(name, 1.0) for name in ("a", "b", "x", "y")))
    say(fleet, strategy=strategy, servers={"x": {"canary": 2.5}, "y": {"canary": 30}})

    done = leap(fleet.jobs(1_000, at_once=20))

    assert abs(done["x"] - 25) <= 1
    assert abs(done["y"] - 300) <= 1


def test_a_canary_that_is_down_costs_no_job_and_gets_no_more_afterwards() -> None:
    fleet = Fleet(Strategy.LEAST_LOADED, Timed("a", 1.0), Timed("new", None))
    say(fleet, servers={"new": {"canary": 50}})

    async def play() -> tuple[Counter[str], Counter[str]]:
        before = await fleet.jobs(100, at_once=1)
        fleet.models["new"].seconds = 1.0
        await later(30)
        return before, await fleet.jobs(100, at_once=1)

    before, after = leap(play())

    assert before == {"a": 100}
    assert abs(after["new"] - 50) <= 1


def test_a_canary_serves_alone_if_nobody_else_can() -> None:
    fleet = Fleet(Strategy.LEAST_LOADED, Timed("a", 1.0), Timed("new", 1.0))
    say(fleet, servers={"a": {"enabled": False}, "new": {"canary": 1}})

    assert leap(fleet.jobs(5, at_once=1)) == {"new": 5}


def test_a_rollback_counts_for_the_next_call() -> None:
    fleet = Fleet(Strategy.LEAST_LOADED, Timed("a", 1.0), Timed("b", 1.0))

    async def play() -> list[str]:
        say(fleet, 1, servers={"a": {"enabled": False}})
        done = await each(fleet, 2)
        say(fleet, 2, servers={"b": {"enabled": False}})
        return done + await each(fleet, 2)

    assert leap(play()) == ["b", "b", "a", "a"]


@pytest.mark.parametrize("how", [{"draining": True}, {"enabled": False}])
def test_a_drained_server_ends_what_it_has_and_gets_nothing_new(how: dict[str, bool]) -> None:
    fleet = Fleet(
        Strategy.LEAST_LOADED,
        Timed("old", 10.0, concurrency=2),
        Timed("other", 100.0, concurrency=2),
    )

    async def play() -> Counter[str]:
        # Two run at each, and six wait for a place.
        jobs = asyncio.create_task(fleet.jobs(10, at_once=10))
        await later(5)
        say(fleet, servers={"old": how})
        return await jobs

    assert leap(play()) == {"old": 2, "other": 8}
    assert len(fleet.models["old"].begun) == 2


def test_calls_that_wait_take_up_a_server_that_is_switched_on() -> None:
    fleet = Fleet(
        Strategy.LEAST_LOADED,
        Timed("one", 1e6, concurrency=1),
        Timed("two", 1.0, concurrency=1),
    )
    say(fleet, servers={"two": {"enabled": False}})

    async def play() -> int:
        tasks = [asyncio.create_task(fleet.job()) for _ in range(4)]
        await later(5)
        say(fleet, 2)
        await later(10)
        done = sum(task.done() for task in tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return done

    assert leap(play()) == 3


def test_a_call_is_not_made_at_a_server_that_was_drained_while_it_waited_for_its_turn() -> None:
    fleet = Fleet(Strategy.LEAST_LOADED, Timed("only", 1.0))

    async def play() -> None:
        fleet.gate.close("only", timedelta(seconds=3))
        job = asyncio.create_task(fleet.job())
        await later(1)
        say(fleet, servers={"only": {"draining": True}})
        with pytest.raises(ModelBusyError) as busy:
            await job
        assert busy.value.retry_after is not None

    leap(play())
    assert fleet.models["only"].begun == []


def test_with_every_server_switched_off_a_job_waits_in_the_queue() -> None:
    fleet = Fleet(Strategy.LEAST_LOADED, Timed("only", 1.0))
    say(fleet, servers={"only": {"enabled": False}})

    with pytest.raises(ModelBusyError) as busy:
        leap(fleet.job())
    assert busy.value.retry_after == BUSY


def test_weight_price_and_tags_of_a_route_count_in_place_of_the_settings() -> None:
    fleet = Fleet(Strategy.CHEAPEST, Timed("a", 1.0, price=0.01), Timed("b", 1.0, price=0.02))
    assert leap(fleet.jobs(3, at_once=1)) == {"a": 3}

    say(fleet, strategy="cheapest", servers={"a": {"price": {"per_image": 0.03}}})

    assert leap(fleet.jobs(3, at_once=1)) == {"b": 3}


def test_a_server_that_vanished_from_the_settings_is_named_and_ignored() -> None:
    fleet = Fleet(Strategy.LEAST_LOADED, Timed("a", 1.0))
    say(fleet, servers={"gone": {"canary": 90}})

    assert fleet.routes.of(MODEL).vanished == ("gone",)
    assert leap(fleet.jobs(3, at_once=1)) == {"a": 3}

"""Doorbells: heard at once by whoever listens, missed by nobody for long, never in the way."""

import asyncio
import socket
from collections.abc import Coroutine, Iterator
from typing import Any, Final, TypeVar

import pytest
import redis

from infra.doorbells import Bell, Doorbells, Ring
from schemas.errors import ValkeyUnavailableError

Result = TypeVar("Result")

SOON: Final = 10.0
# What a listener hears when it has only just begun, or begun again, to listen.
LOOK: Final = Ring("a", "")


def run(work: Coroutine[Any, Any, Result]) -> Result:
    async def limited() -> Result:
        async with asyncio.timeout(30):
            return await work

    return asyncio.run(limited())


@pytest.fixture(params=["nobody listens", "nobody answers"])
def dead_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A Valkey that refuses connections, and one that accepts them and then says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if request.param == "nobody listens":
            server.close()
        yield f"redis://127.0.0.1:{port}/0"


def cut_connections(valkey_url: str, kind: str) -> None:
    with redis.Redis.from_url(valkey_url) as client:
        client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "YES")


def test_a_ring_is_heard_by_every_listener_of_its_channel(valkey_url: str) -> None:
    async def scene() -> None:
        async with (
            Doorbells(valkey_url) as doorbells,
            doorbells.listen("a") as one,
            doorbells.listen("a", "b") as two,
            doorbells.listen("b") as other,
        ):
            assert [await bell.wait(SOON) for bell in (one, two)] == [LOOK, LOOK]
            assert await other.wait(SOON) == Ring("b", "")

            await doorbells.ring("a", "ready")

            assert await one.wait(SOON) == Ring("a", "ready")
            assert await two.wait(SOON) == Ring("a", "ready")
            await doorbells.ring("b")
            assert await other.wait(SOON) == Ring("b", "")

    run(scene())


def test_several_rings_go_in_one_round_trip_and_in_order(valkey_url: str) -> None:
    async def scene() -> None:
        async with Doorbells(valkey_url) as doorbells, doorbells.listen("a", "b") as bell:
            await bell.wait(SOON)
            rings = [Ring("a", "1"), Ring("b", "2"), Ring("a", "日本")]

            await doorbells.ring_all(rings)

            assert [await bell.wait(SOON) for _ in rings] == rings

    run(scene())


def test_a_new_listener_is_told_to_look_because_something_may_have_happened(
    valkey_url: str,
) -> None:
    async def scene() -> None:
        async with Doorbells(valkey_url) as doorbells:
            await doorbells.ring("a", "nobody hears this")

            async with doorbells.listen("a") as bell:
                assert await bell.wait(SOON) == LOOK
                assert bell.connected

    run(scene())


def test_a_listener_whose_connection_breaks_listens_again_and_looks(valkey_url: str) -> None:
    async def scene() -> None:
        async with Doorbells(valkey_url) as doorbells, doorbells.listen("a") as bell:
            await bell.wait(SOON)

            await asyncio.to_thread(cut_connections, valkey_url, "PUBSUB")

            assert await bell.wait(SOON) == LOOK
            await doorbells.ring("a", "after")
            assert await bell.wait(SOON) == Ring("a", "after")
            assert bell.connected

    run(scene())


def test_a_connection_that_broke_while_idle_costs_one_ring_at_most(valkey_url: str) -> None:
    async def scene() -> None:
        async with (
            Doorbells(valkey_url) as listener,
            Doorbells(valkey_url) as doorbells,
            listener.listen("a") as bell,
        ):
            await bell.wait(SOON)
            await doorbells.ping()
            await asyncio.to_thread(cut_connections, valkey_url, "NORMAL")

            await doorbells.ring("a", "perhaps")
            await doorbells.ring("a", "after")

            heard = await bell.wait(SOON)
            if heard == Ring("a", "perhaps"):
                heard = await bell.wait(SOON)
            assert heard == Ring("a", "after")

    run(scene())


def test_a_listener_that_is_given_a_broken_connection_does_not_count_as_connected(
    valkey_url: str,
) -> None:
    async def scene() -> None:
        async with Doorbells(valkey_url) as doorbells:
            await doorbells.ping()
            await asyncio.to_thread(cut_connections, valkey_url, "NORMAL")
            async with doorbells.listen("a") as bell:
                assert await bell.wait(SOON) == LOOK

                await doorbells.ring("a", "after")

                assert await bell.wait(SOON) == Ring("a", "after")

    run(scene())


def test_an_idle_listener_stays_connected(valkey_url: str) -> None:
    async def scene() -> None:
        async with Doorbells(valkey_url) as doorbells, doorbells.listen("a") as bell:
            await bell.wait(SOON)

            # Longer than the socket's time-out: a new connection would ring.
            assert await bell.wait(2.6) is None
            assert bell.connected

    run(scene())


def test_a_dead_valkey_never_raises_from_ring(dead_url: str) -> None:
    async def scene() -> None:
        async with Doorbells(dead_url) as doorbells:
            await doorbells.ring("a", "x")
            await doorbells.ring_all([Ring("a", "x"), Ring("b", "y")])

    run(scene())


def test_a_dead_valkey_is_told_by_ping(dead_url: str) -> None:
    async def scene() -> None:
        async with Doorbells(dead_url) as doorbells:
            with pytest.raises(ValkeyUnavailableError):
                await doorbells.ping()

    run(scene())


def test_a_listener_of_a_dead_valkey_waits_and_says_that_it_is_deaf(dead_url: str) -> None:
    async def scene() -> None:
        async with Doorbells(dead_url) as doorbells, doorbells.listen("a") as bell:
            assert await bell.wait(0.2) is None
            assert not bell.connected

    run(scene())


def test_waiting_ends_empty_handed_after_its_time() -> None:
    assert run(Bell().wait(0.01)) is None


def test_rings_that_are_there_already_can_be_taken_at_once() -> None:
    bell = Bell()
    for number in range(3):
        bell.put(Ring("a", str(number)))

    assert run(bell.wait(0)) == Ring("a", "0")
    assert bell.drain() == [Ring("a", "1"), Ring("a", "2")]
    assert bell.drain() == []


def test_a_bell_that_nobody_answers_stays_bounded() -> None:
    bell = Bell()

    for _ in range(10_100):
        bell.put(LOOK)

    assert len(bell.drain()) == 10_000

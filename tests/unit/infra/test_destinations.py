"""Nobody is flooded by way of genq: what is under way to one address is bounded."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from ipaddress import ip_network

import aiohttp
import pytest

from infra.http.destinations import Destinations, NoPlaceError
from infra.http.names import Names
from infra.http.opening import open_outbound
from infra.http.outbound import OutboundPolicy, outbound_session
from tests.fixtures.name_server import NameServer
from tests.fixtures.receiver import Answer, Receiver
from tests.fixtures.until import until
from worker.delivery.failures import outcome_of_failure
from worker.delivery.schedule import Outcome

POLICY = OutboundPolicy([ip_network("127.0.0.0/8")])
HERE = "127.0.0.1"
URL = f"http://{HERE}:9999/"


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(10):
            await scenario()

    asyncio.run(limited())


def counting(
    *, most: int = 32, most_of_one: int = 32, dials: int = 200, patience: float = 3
) -> Destinations:
    """Return the guard with nobody exempt; names are not known to it."""
    return Destinations(
        Names(POLICY.permits),
        exempt=lambda _: False,
        most=most,
        most_of_one=most_of_one,
        dials=dials,
        patience=patience,
    )


@asynccontextmanager
async def sending(
    script: Mapping[str, Sequence[Sequence[str]]] | None = None,
    *,
    patience: float = 3,
    most: int = 32,
    dials: int = 200,
) -> AsyncGenerator[Callable[[str, int], Coroutine[None, None, BaseException | int]]]:
    """Yield what posts to a URL for a tenant, and returns the status or what it raised."""
    server = NameServer(script or {})
    async with server.listening():
        names = Names(POLICY.permits, servers=[server.place])
        guard = Destinations(
            names, exempt=lambda _: False, most=most, dials=dials, patience=patience
        )
        async with outbound_session(POLICY, resolver=names) as session:

            async def post(url: str, tenant: int) -> BaseException | int:
                try:
                    async with (
                        guard.place(url, tenant=tenant),
                        session.post(url, allow_redirects=False) as answer,
                    ):
                        return answer.status
                except (aiohttp.ClientError, NoPlaceError) as error:
                    return error

            yield post


def test_thirty_two_requests_at_once_reach_an_address_whatever_they_call_it() -> None:
    async def scenario() -> None:
        slow = Answer(delay=timedelta(seconds=0.05))
        names = {f"n{number}.test": [[HERE]] for number in range(5)}
        async with Receiver(otherwise=slow) as receiver, sending(names) as post:
            hosts = [HERE, *names]
            # Each name becomes known, one after the other.
            for host in hosts:
                assert await post(f"http://{host}:{receiver.port}/", 1) == 200
            sent = [
                post(f"http://{hosts[n % len(hosts)]}:{receiver.port}/", n) for n in range(150)
            ]
            assert set(await asyncio.gather(*sent)) == {200}
            assert 16 < receiver.most_in_flight <= 32

    run(scenario)


def test_names_that_nobody_looked_up_yet_do_not_get_more_in() -> None:
    async def scenario() -> None:
        slow = Answer(delay=timedelta(seconds=0.3))
        names = {f"n{number}.test": [[HERE]] for number in range(50)}
        async with Receiver(otherwise=slow) as receiver, sending(names) as post:
            sent = [post(f"http://{n}:{receiver.port}/", k) for k, n in enumerate(names)]
            came = await asyncio.gather(*sent)
            assert 16 < receiver.most_in_flight <= 32
            assert came.count(200) >= 32
            for error in (one for one in came if isinstance(one, BaseException)):
                assert outcome_of_failure(error) is Outcome.DEFERRED

    run(scenario)


def test_a_request_that_finds_no_place_in_time_is_put_off() -> None:
    async def scenario() -> None:
        async with (
            Receiver(otherwise=Answer(hang=True)) as receiver,
            sending(patience=0.05, most=2) as post,
        ):
            url = f"http://{HERE}:{receiver.port}/"
            hanging = [asyncio.create_task(post(url, n)) for n in range(2)]
            await until(lambda: receiver.in_flight == 2, "two requests are in flight")
            error = await post(url, 3)
            assert isinstance(error, NoPlaceError)
            assert outcome_of_failure(error) is Outcome.DEFERRED
            for one in hanging:
                one.cancel()
            await asyncio.gather(*hanging, return_exceptions=True)
            assert receiver.most_in_flight == 2

    run(scenario)


def test_one_tenant_leaves_places_at_an_address_to_others() -> None:
    async def scenario() -> None:
        guard = counting(most=4, most_of_one=3, patience=0)
        held = [guard.place(URL, tenant=1) for _ in range(3)]
        for place in held:
            await place.__aenter__()
        with pytest.raises(NoPlaceError):
            await guard.place(URL, tenant=1).__aenter__()
        async with guard.place(URL, tenant=2):
            pass
        await held[0].__aexit__()
        async with guard.place(URL, tenant=1):
            pass

    run(scenario)


def test_places_go_to_whoever_waited_longest_and_may_have_one() -> None:
    async def scenario() -> None:
        guard = counting(most=2, most_of_one=1)
        first, second = guard.place(URL, tenant=1), guard.place(URL, tenant=2)
        await first.__aenter__()
        await second.__aenter__()
        let_in: list[str] = []

        async def enter(name: str, tenant: int) -> None:
            async with guard.place(URL, tenant=tenant):
                let_in.append(name)

        waiting = [
            asyncio.create_task(enter(name, tenant))
            for name, tenant in (("gives up", 3), ("same tenant", 2), ("third", 3))
        ]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await first.__aexit__()
        await asyncio.wait([waiting[2]])
        assert let_in == ["third"]
        await second.__aexit__()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert let_in == ["third", "same tenant"]
        assert guard.at(HERE).is_idle(asyncio.get_running_loop().time() + 2)

    run(scenario)


def test_a_place_that_is_given_at_the_moment_of_giving_up_is_not_lost() -> None:
    async def scenario() -> None:
        guard = counting(most=1)
        first = guard.place(URL, tenant=1)
        await first.__aenter__()
        waiting = asyncio.create_task(guard.place(URL, tenant=2).__aenter__())
        await asyncio.sleep(0)
        await first.__aexit__()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        async with guard.place(URL, tenant=3):
            pass

    run(scenario)


def test_new_connections_to_an_address_are_bounded_within_a_second() -> None:
    async def scenario() -> None:
        closing = Answer(headers={"Connection": "close"})
        async with (
            Receiver(otherwise=closing) as receiver,
            sending(dials=6, patience=1.5) as post,
        ):
            loop = asyncio.get_running_loop()
            url = f"http://{HERE}:{receiver.port}/"
            began = loop.time()
            assert await asyncio.gather(*(post(url, n) for n in range(8))) == [200] * 8
            assert loop.time() - began > 0.99
            assert len({request.connection for request in receiver.requests}) == 8

    run(scenario)


def test_who_would_wait_too_long_for_a_new_connection_is_put_off() -> None:
    async def scenario() -> None:
        closing = Answer(headers={"Connection": "close"})
        async with (
            Receiver(otherwise=closing) as receiver,
            sending(dials=6, patience=0.1) as post,
        ):
            url = f"http://{HERE}:{receiver.port}/"
            came = await asyncio.gather(*(post(url, n) for n in range(8)))
            assert came[:6] == [200] * 6
            for error in came[6:]:
                assert isinstance(error, NoPlaceError)
            assert len(receiver.requests) == 6

    run(scenario)


def test_the_operators_own_networks_are_not_counted() -> None:
    async def scenario() -> None:
        slow = Answer(delay=timedelta(seconds=0.05))
        async with Receiver(otherwise=slow) as receiver, open_outbound(POLICY) as outbound:

            async def post() -> int:
                async with (
                    outbound.destinations.place(receiver.url, tenant=1),
                    outbound.session.post(receiver.url, allow_redirects=False) as answer,
                ):
                    return answer.status

            assert set(await asyncio.gather(*(post() for _ in range(60)))) == {200}
            assert receiver.most_in_flight > 32

    run(scenario)


def test_an_open_connection_to_an_address_that_is_busy_is_not_used() -> None:
    """A name that changes its address keeps no way around the count of the old one."""

    async def scenario() -> None:
        script = {"moving.test": [[HERE], ["127.0.0.2"]]}
        async with Receiver() as receiver, sending(script, most=1, patience=0) as post:
            url = f"http://moving.test:{receiver.port}/"
            assert await post(url, 1) == 200
            receiver.otherwise = Answer(hang=True)
            hanging = asyncio.create_task(post(f"http://{HERE}:{receiver.port}/", 1))
            await until(lambda: receiver.in_flight == 1, "a request is in flight")
            error = await post(url, 2)
            assert isinstance(error, BaseException)
            assert outcome_of_failure(error) is Outcome.DEFERRED
            hanging.cancel()
            await asyncio.gather(hanging, return_exceptions=True)
            assert receiver.most_in_flight == 1

    run(scenario)


def test_addresses_are_forgotten_when_nothing_is_under_way() -> None:
    async def scenario() -> None:
        guard = counting()
        for number in range(20_000):
            async with guard.place(f"http://1.{number >> 8}.{number & 255}.1/", tenant=1):
                pass
        assert len(guard._addresses) <= 4096

    run(scenario)

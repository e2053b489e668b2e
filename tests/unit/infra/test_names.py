"""Names that lie, change, or are silent, looked up at a real DNS server."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_network

import aiohttp
import pytest

from infra.http.names import MOST_ADDRESSES, Names, NoNameServerError
from infra.http.outbound import OutboundPolicy, RefusedAddressError, outbound_session
from tests.fixtures.dialling import dialled
from tests.fixtures.name_server import NO_AAAA, SILENT, NameServer
from tests.fixtures.receiver import Receiver
from worker.delivery.failures import outcome_of_failure
from worker.delivery.schedule import Outcome

# Linux answers on both without any set-up: the operator listed one of them only.
LISTED = "127.0.0.1"
HOME = "127.0.0.2"
POLICY = OutboundPolicy([ip_network(LISTED)])
QUICK = 0.4


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(10):
            await scenario()

    asyncio.run(limited())


@asynccontextmanager
async def asking(
    budget: float = QUICK, remembered: float = 60, **script: Sequence[Sequence[str]]
) -> AsyncGenerator[tuple[NameServer, Names]]:
    """Yield a name server that knows ``<name>.test``, and who asks it."""
    server = NameServer({f"{name}.test": answers for name, answers in script.items()})
    async with server.listening():
        names = Names(
            POLICY.permits, servers=[server.place], budget=budget, remembered=remembered
        )
        try:
            yield server, names
        finally:
            await names.close()


async def post(names: Names, host: str, port: int = 8080) -> BaseException | int:
    """Return the status, or what the request raised."""
    async with outbound_session(POLICY, resolver=names) as session:
        try:
            async with session.post(f"http://{host}:{port}/", allow_redirects=False) as answer:
                return answer.status
        except aiohttp.ClientError as error:
            return error


async def addresses(names: Names, host: str) -> list[str]:
    return [found["host"] for found in await names.resolve(host)]


def test_a_name_that_leads_home_the_second_time_is_refused_then() -> None:
    async def scenario() -> None:
        async with (
            Receiver() as receiver,
            asking(remembered=0, rebinding=[[LISTED], [HOME]]) as (server, names),
        ):
            assert await post(names, "rebinding.test", receiver.port) == 200
            with dialled() as places:
                failed = await post(names, "rebinding.test", receiver.port)

            assert isinstance(failed, aiohttp.ClientConnectorError)
            assert isinstance(failed.__cause__, RefusedAddressError)
            assert outcome_of_failure(failed) is Outcome.BLOCKED_ADDRESS
            assert server.asked == ["rebinding.test"] * 2
            assert places == []

    run(scenario)


def test_a_remembered_answer_is_judged_again_when_it_is_dialled() -> None:
    async def scenario() -> None:
        async with asking(home=[[HOME]]) as (server, names):
            for _ in range(2):
                with dialled() as places:
                    failed = await post(names, "home.test")
                assert isinstance(failed, aiohttp.ClientConnectorError)
                assert isinstance(failed.__cause__, RefusedAddressError)
                assert places == []
            assert server.asked == ["home.test"]

    run(scenario)


def test_of_a_mixed_answer_only_the_permitted_address_is_dialled() -> None:
    async def scenario() -> None:
        answer = [HOME, "10.0.0.5", LISTED, "fd00::5"]
        async with (
            Receiver() as receiver,
            asking(mixed=[answer]) as (_, names),
        ):
            with dialled() as places:
                assert await post(names, "mixed.test", receiver.port) == 200
            assert places == [LISTED]
            assert names.known("mixed.test") == [LISTED]

    run(scenario)


@pytest.mark.parametrize(
    "answer", [["10.0.0.5", "fd00::5"], ["::ffff:10.0.0.5"], ["::ffff:127.0.0.2"], ["0.0.0.0"]]
)
def test_when_a_name_leads_to_private_addresses_only_nothing_is_dialled(
    answer: list[str],
) -> None:
    async def scenario() -> None:
        async with asking(private=[answer]) as (_, names):
            with dialled() as places:
                failed = await post(names, "private.test")
            assert isinstance(failed, aiohttp.ClientConnectorError)
            assert outcome_of_failure(failed) is Outcome.BLOCKED_ADDRESS
            assert places == []

    run(scenario)


@pytest.mark.parametrize("host", ["missing.test", "empty.test"])
def test_a_name_without_an_address_is_a_dns_error(host: str) -> None:
    async def scenario() -> None:
        async with asking(empty=[[]]) as (_, names):
            failed = await post(names, host)
            assert isinstance(failed, aiohttp.ClientConnectorDNSError)
            assert outcome_of_failure(failed) is Outcome.DNS_ERROR

    run(scenario)


def test_a_silent_name_server_ends_in_time_and_stops_nobody_else() -> None:
    async def scenario() -> None:
        async with asking(silent=[[SILENT]], good=[[LISTED]]) as (_, names):
            began = time.monotonic()
            waiting = [asyncio.create_task(post(names, "silent.test")) for _ in range(50)]
            await asyncio.sleep(0)
            assert await addresses(names, "good.test") == [LISTED]
            assert time.monotonic() - began < QUICK / 2

            for failed in await asyncio.gather(*waiting):
                assert isinstance(failed, aiohttp.ClientConnectorDNSError)
                assert "0.4 s" in str(failed)
                assert outcome_of_failure(failed) is Outcome.DNS_ERROR
            assert time.monotonic() - began < QUICK + 0.5

    run(scenario)


def test_ipv4_is_enough_where_questions_for_ipv6_are_not_answered() -> None:
    async def scenario() -> None:
        async with asking(budget=2, half=[[LISTED, NO_AAAA]]) as (_, names):
            assert await addresses(names, "half.test") == [LISTED]

    run(scenario)


def test_when_our_own_name_servers_are_gone_no_receiver_is_to_blame() -> None:
    async def scenario() -> None:
        async with asking() as (server, _):
            gone = server.place
        names = Names(POLICY.permits, servers=[gone])
        failed = await post(names, "good.test")
        assert isinstance(failed, aiohttp.ClientConnectorDNSError)
        assert isinstance(failed.__cause__, NoNameServerError)
        assert outcome_of_failure(failed) is Outcome.INTERNAL

    run(scenario)


def test_a_name_is_asked_for_once_however_many_want_it_and_whoever_gives_up() -> None:
    async def scenario() -> None:
        async with asking(good=[[LISTED]]) as (server, names):
            first = asyncio.create_task(names.resolve("good.test"))
            others = [asyncio.create_task(addresses(names, "good.test")) for _ in range(20)]
            await asyncio.sleep(0)
            first.cancel()
            assert await asyncio.gather(*others) == [[LISTED]] * 20
            assert await addresses(names, "good.test") == [LISTED]
            assert server.asked == ["good.test"]

    run(scenario)


def test_an_address_that_worked_stays_first_as_long_as_the_name_leads_there() -> None:
    async def scenario() -> None:
        script = [["1.1.1.1", "8.8.8.8"], ["8.8.8.8", "9.9.9.9", "1.1.1.1"], ["9.9.9.9"]]
        async with asking(remembered=0, moving=script) as (_, names):
            first = (await addresses(names, "moving.test"))[1]
            names.prefer("moving.test", first)
            assert (await addresses(names, "moving.test"))[0] == first
            assert await addresses(names, "moving.test") == ["9.9.9.9"]

    run(scenario)


def test_of_an_answer_with_a_hundred_addresses_a_few_are_kept() -> None:
    async def scenario() -> None:
        async with asking(many=[[f"1.1.1.{n}" for n in range(25)]]) as (_, names):
            assert len(await addresses(names, "many.test")) == MOST_ADDRESSES

    run(scenario)


def test_closing_ends_look_ups_that_are_under_way() -> None:
    async def scenario() -> None:
        async with asking(budget=60, silent=[[SILENT]]) as (_, names):
            waiting = asyncio.create_task(names.resolve("silent.test"))
            await asyncio.sleep(0)
            await names.close()
            with pytest.raises(asyncio.CancelledError):
                await waiting

    run(scenario)


def test_a_host_that_the_operator_listed_by_name_is_called_wherever_it_leads() -> None:
    async def scenario() -> None:
        policy = OutboundPolicy(names=["Inside.test."])
        script = {"inside.test": [[LISTED]], "other.test": [[LISTED]]}
        async with Receiver() as receiver, NameServer(script).listening() as server:
            names = Names(
                policy.permits, servers=[server.place], vouches_for=policy.vouches_for
            )
            async with outbound_session(policy, resolver=names) as session:
                for turn in range(2):
                    url = f"http://inside.test:{receiver.port}/{turn}"
                    policy.check_url(url)
                    async with session.post(url, allow_redirects=False) as answer:
                        assert answer.status == 200
                        names.prefer("inside.test", LISTED)
                with pytest.raises(aiohttp.ClientConnectorError):
                    await session.post(f"http://other.test:{receiver.port}/")
                with pytest.raises(aiohttp.ClientConnectorError):
                    await session.post(f"http://{LISTED}:{receiver.port}/")
            assert len(receiver.requests) == 2

    run(scenario)

"""Names and URLs that lead where nobody may be led, given to the sender itself."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final

from infra.clock import SystemClock
from infra.http.destinations import Destinations
from infra.http.names import Names
from infra.http.opening import Outbound
from infra.http.outbound import OutboundPolicy, outbound_session
from tests.fixtures.dialling import dialled
from tests.fixtures.name_server import SILENT, NameServer
from tests.fixtures.receiver import Answer, Receiver
from tests.fixtures.sending import a_receiver, owed_to
from worker.delivery.schedule import Outcome, Result
from worker.delivery.sender import WebhookSender

# Linux answers on both without any set-up: the operator listed one of them only.
LISTED = "127.0.0.1"
HOME = "127.0.0.2"
TIMEOUT = 0.5
HEALTHY = 8
VECTORS: Final[Mapping[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "infra" / "ssrf-vectors.json").read_text()
)
BLOCKED: Final = [str(row["address"]) for row in VECTORS["blocked"]]
HOSTILE: Final[Mapping[str, tuple[list[list[str]] | None, Outcome]]] = {
    "private.test": ([["10.0.0.5", "fd00::5"]], Outcome.BLOCKED_ADDRESS),
    "home.test": ([[HOME]], Outcome.BLOCKED_ADDRESS),
    "mapped.test": ([["::ffff:10.0.0.5"]], Outcome.BLOCKED_ADDRESS),
    "mixed.test": ([["10.0.0.5", HOME, LISTED]], Outcome.SUCCESS),
    "empty.test": ([[]], Outcome.DNS_ERROR),
    "missing.test": (None, Outcome.DNS_ERROR),
    "silent.test": ([[SILENT]], Outcome.DNS_ERROR),
}


@asynccontextmanager
async def sending(
    policy: OutboundPolicy, script: Mapping[str, Any], *, remembered: float = 5
) -> AsyncGenerator[WebhookSender]:
    async with NameServer(script).listening() as server:
        names = Names(policy.permits, servers=[server.place], remembered=remembered)
        async with outbound_session(policy, resolver=names) as session:
            outbound = Outbound(session, policy, Destinations(names, exempt=lambda _: False))
            yield WebhookSender(outbound, clock=SystemClock(), user_agent="genq/test")


async def send(sender: WebhookSender, url: str) -> tuple[Result, float]:
    receiver = a_receiver(timeout=timedelta(seconds=TIMEOUT))
    began = time.monotonic()
    return await sender.send(owed_to(url), receiver), time.monotonic() - began


def test_hostile_names_end_in_time_by_their_names_and_harm_no_healthy_receiver() -> None:
    async def play() -> None:
        good = [f"good{number}.test" for number in range(HEALTHY)]
        script = {name: answers for name, (answers, _) in HOSTILE.items() if answers}
        script |= {name: [[LISTED]] for name in good}
        async with (
            Receiver() as receiver,
            sending(OutboundPolicy([ip_network(LISTED)]), script) as sender,
        ):
            with dialled() as places:
                waiting = [
                    (
                        expected,
                        asyncio.create_task(send(sender, f"http://{name}:{receiver.port}/")),
                    )
                    for name, (_, expected) in HOSTILE.items()
                    for _ in range(5)
                ]
                for name in good:
                    result, took = await send(sender, f"http://{name}:{receiver.port}/")
                    assert result.outcome is Outcome.SUCCESS
                    assert took < TIMEOUT
                for expected, task in waiting:
                    result, took = await task
                    assert result.outcome is expected, result
                    assert took < TIMEOUT + 1
            assert set(places) == {LISTED}

    asyncio.run(play())


def test_a_rebinding_name_is_a_blocked_address_the_second_time() -> None:
    async def play() -> None:
        script = {"rebinding.test": [[LISTED], [HOME]]}
        policy = OutboundPolicy([ip_network(LISTED)])
        async with (
            Receiver(Answer(headers={"Connection": "close"})) as receiver,
            sending(policy, script, remembered=0) as sender,
        ):
            url = f"http://rebinding.test:{receiver.port}/"
            first, _ = await send(sender, url)
            assert (first.outcome, first.address) == (Outcome.SUCCESS, LISTED)
            with dialled() as places:
                second, _ = await send(sender, url)
            assert second.outcome is Outcome.BLOCKED_ADDRESS
            assert HOME not in (second.detail or "")
            assert places == []
            assert len(receiver.requests) == 1

    asyncio.run(play())


def test_every_special_address_and_every_refused_url_is_refused_without_a_packet() -> None:
    async def play() -> None:
        script = {f"n{n}.test": [[address]] for n, address in enumerate(BLOCKED)}
        async with sending(OutboundPolicy(), script) as sender:
            with dialled() as places:
                for url in VECTORS["urls_refused_at_registration"]:
                    result, _ = await send(sender, url)
                    assert result.outcome is Outcome.REFUSED, url
                for address in BLOCKED:
                    host = f"[{address}]" if ":" in address else address
                    result, _ = await send(sender, f"https://{host}/")
                    assert result.outcome is Outcome.REFUSED, address
                for name, answers in script.items():
                    result, _ = await send(sender, f"https://{name}/")
                    assert result.outcome is Outcome.BLOCKED_ADDRESS, answers
            assert places == []

    asyncio.run(play())

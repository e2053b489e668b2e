"""Hostile receivers as endpoints of the real loop, beside healthy ones, and what is stored."""

import asyncio
import json
from collections.abc import Generator, Mapping
from datetime import timedelta
from typing import Any, Final

import pytest

from infra.settings import Settings
from tests.fixtures.deliveries import Deliveries, open_deliveries
from tests.fixtures.hostile_server import HEALTHY, Hostile, hostile_receivers
from tests.fixtures.hostile_talks import ODD_BODY
from tests.fixtures.leaping_loop import LoopClock
from tests.fixtures.patient_loop import run_patiently

TIMEOUT: Final = timedelta(seconds=2)
EACH: Final = 4
HEALTHY_EACH: Final = 40
# What these certificates are signed by is not trusted here, as by nobody's system.
EXPECTED: Final = {
    "never": "timeout",
    "black_hole": "connect_timeout",
    "slow_head": "timeout",
    "slow_body": "success",
    "huge_body": "success",
    "endless_chunks": "success",
    "gzip_bomb": "success",
    "endless_headers": "protocol_error",
    "endless_100": "timeout",
    "garbage": "protocol_error",
    "status_099": "protocol_error",
    "closes": "disconnected",
    "resets_in_body": "success",
    "redirect_307": "redirect",
    "tls_self_signed": "tls_error",
    "silent_handshake": "timeout",
    "cookies": "success",
    "odd_text": "http_500",
}


@pytest.fixture
def hostile() -> Generator[Hostile]:
    with hostile_receivers() as found:
        yield found


def test_hostile_endpoints_are_logged_by_name_and_healthy_ones_are_served_meanwhile(
    settings: Settings, hostile: Hostile
) -> None:
    async def play() -> None:
        async with open_deliveries(
            settings, clock=LoopClock(), webhook_timeout=TIMEOUT
        ) as deliveries:
            await owe_all(deliveries, hostile)
            loop = deliveries.loop(per_lane=EACH)
            async with asyncio.timeout(25):
                await deliveries.deliver(loop)
                while any(row.attempt == 0 for row in await deliveries.rows()):
                    await deliveries.deliver(loop)
            check(await tried(deliveries, hostile))

    run_patiently(play())


async def owe_all(deliveries: Deliveries, hostile: Hostile) -> None:
    for name in EXPECTED:
        await deliveries.owe(hostile.urls[name], times=EACH, tenant="mallory")
    for name in HEALTHY:
        await deliveries.owe(hostile.urls[name], times=HEALTHY_EACH)


async def tried(deliveries: Deliveries, hostile: Hostile) -> Mapping[str, list[Any]]:
    """Return the attempts by receiver."""
    names = {hostile.urls[name]: name for name in (*EXPECTED, *HEALTHY)}
    found: dict[str, list[Any]] = {name: [] for name in names.values()}
    for attempt in await deliveries.attempts():
        found[names[attempt.url]].append(attempt)
    return found


def check(attempts: Mapping[str, list[Any]]) -> None:
    for name in HEALTHY:
        assert [a.outcome for a in attempts[name]] == ["success"] * HEALTHY_EACH
        assert max(a.duration_ms for a in attempts[name]) < 2000
    for name, outcome in EXPECTED.items():
        assert {a.outcome for a in attempts[name]} == {outcome}, name
        assert max(a.duration_ms for a in attempts[name]) <= 3000, name
    for attempt in attempts["odd_text"]:
        assert attempt.answer_headers["server"].isprintable()
        assert bytes(attempt.answer_body) == ODD_BODY[:4096]
        json.dumps(attempt.answer_headers)

"""A broker that dies and comes back empty, stands still, or is cut off holds nothing up."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr

from infra.settings import Settings
from tests.chaos.brokers import ValkeyBroker
from tests.fixtures.auditor import assert_clean
from tests.fixtures.processes import System, system
from tests.fixtures.proxy import Proxy

JOBS = 20
# Five seconds for the first job after the fault, and what a loaded machine adds.
SOON = timedelta(seconds=15)

Fault = Callable[[ValkeyBroker, Proxy], Awaitable[None]]


async def restart_empty(broker: ValkeyBroker, proxy: Proxy) -> None:
    await broker.kill()
    await broker.start()


async def freeze(broker: ValkeyBroker, proxy: Proxy) -> None:
    broker.freeze()
    # Longer than the clients' own patience of two seconds.
    await asyncio.sleep(2.5)  # sleeps: a broker that stands still
    broker.thaw()


async def go_half_open(broker: ValkeyBroker, proxy: Proxy) -> None:
    # Nothing is passed on and nothing is closed; then the connections are gone for good.
    proxy.stall()
    await asyncio.sleep(1)  # sleeps: a line that is dead and does not say so
    proxy.cut()
    proxy.resume()


async def survive(settings: Settings, folder: Path, *faults: Fault) -> None:
    """Submit before and after each fault; everything is done, and soon."""
    broker = ValkeyBroker(folder)
    await broker.start()
    try:
        async with Proxy(broker.address) as proxy:
            url = SecretStr(broker.url_through(proxy.port))
            told = settings.model_copy(update={"broker_url": url, "valkey_url": url})
            async with system(told) as running:
                await running.start("dispatch", "work")
                jobs = await running.submit(JOBS, webhook=False)
                for fault in faults:
                    await running.until("all are called", lambda: all_called(running))
                    await fault(broker, proxy)
                    running.model.gate.set()
                    jobs += await running.submit(JOBS, webhook=False)
                    await running.until("all ended", lambda: running._empty("live"), SOON)
                    running.model.gate.clear()
                    jobs += await running.submit(JOBS, webhook=False)
                running.model.gate.set()
                await running.until("all ended", lambda: running._empty("live"), SOON)
                await assert_clean(running.engine, running.settings, jobs)
    finally:
        await broker.kill()


async def all_called(running: System) -> bool:
    return running.model.in_flight == JOBS


def test_consumption_resumes_soon_after_a_broker_restarted_stood_still_or_was_cut_off(
    settings: Settings, tmp_path: Path
) -> None:
    asyncio.run(survive(settings, tmp_path, restart_empty, freeze, go_half_open))

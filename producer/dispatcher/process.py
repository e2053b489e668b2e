"""`python -P -m producer.dispatcher`: one dispatcher process, until SIGTERM."""

import asyncio
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final
from uuid import UUID

import structlog
import uvloop

from infra.broker import Carrier, CarrierPublisher
from infra.clock import SystemClock
from infra.doorbells import Doorbells
from infra.postgres.engine import create_engine
from infra.settings import Settings, read_settings
from infra.telemetry.logging import configure_logging
from infra.telemetry.metrics import serve_metrics
from infra.telemetry.tracing import configure_tracing
from producer.audit.anchors import anchoring
from producer.batches.opening import open_keeper
from producer.dispatcher.loop import Dispatcher
from producer.dispatcher.publish_spans import traced
from producer.moderation import open_checks
from producer.privacy.duties import keeping_duties
from producer.reviews.janitor import keeping_reviews
from schemas.errors import BrokerUnavailableError, SettingsError
from schemas.lanes import Lane

_BAD_SETTINGS: Final = 8


async def dispatch(settings: Settings) -> None:
    """Run a dispatcher until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    engine = create_engine(settings, process="dispatch", durable=False)
    publisher = CarrierPublisher(settings)
    # kombu blocks, so it has a thread of its own; one, because order within a lane is kept.
    thread = ThreadPoolExecutor(1, thread_name_prefix="publisher")

    async def publish(carriers: Sequence[Carrier]) -> None:
        await loop.run_in_executor(thread, publisher.publish, carriers)

    async def oldest_waiting(lane: Lane) -> list[UUID]:
        return await loop.run_in_executor(thread, publisher.oldest_waiting, lane)

    try:
        # A broker that is away now is no reason not to start.
        with suppress(BrokerUnavailableError):
            await loop.run_in_executor(thread, publisher.warm_up)
        async with Doorbells(settings.doorbell_url()) as doorbells:
            checks = await asyncio.to_thread(open_checks, settings, engine, SystemClock())
            structlog.get_logger().info("dispatcher_started")
            async with (
                anchoring(engine, settings),
                keeping_duties(engine, settings, doorbells),
                keeping_reviews(engine, settings, doorbells),
                open_keeper(engine, settings, doorbells, SystemClock(), checks) as batches,
            ):
                dispatcher = Dispatcher(
                    engine,
                    settings,
                    doorbells,
                    SystemClock(),
                    publish=traced(publish, engine),
                    oldest_waiting=oldest_waiting,
                    checks=checks,
                    batches=batches,
                )
                await dispatcher.run(stop)
    finally:
        thread.shutdown()
        publisher.close()
        await engine.dispose()


def main() -> int:
    """Read the settings and dispatch; return the exit code."""
    try:
        settings = read_settings()
    except SettingsError as error:
        sys.stderr.write(f"{error.message}\n")
        return _BAD_SETTINGS
    configure_logging(settings, process="dispatch")
    configure_tracing(settings, process="dispatch")
    serve_metrics(settings.metrics_port)
    try:
        uvloop.run(dispatch(settings))
    except SettingsError as error:
        # Of the servers themselves, which are asked when the process connects.
        sys.stderr.write(f"{error.message}\n")
        return _BAD_SETTINGS
    return 0

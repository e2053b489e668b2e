"""The delivery process, ``python -P -m worker.delivery``: makes everything long-lived."""

import argparse
import asyncio
import contextlib
import random
import resource
import signal
import sys
from collections.abc import AsyncGenerator
from datetime import timedelta
from functools import partial
from typing import Final

import structlog
import uvloop
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.chat_settings import has_bot
from infra.clock import Clock, SystemClock
from infra.doorbells import DELIVER, Bell, Doorbells
from infra.http.client_certificates import ClientCertificates
from infra.http.odd_answers import RECEIVE_BUFFER
from infra.http.opening import open_outbound, proxy_of
from infra.http.outbound_policy import policy_of
from infra.postgres.engine import create_engine
from infra.sealing import sealer_for
from infra.settings import Settings, read_settings
from infra.telemetry.logging import configure_logging
from infra.telemetry.metrics import installed_version, serve_metrics
from infra.telemetry.tracing import configure_tracing
from infra.webhook_receivers import Destinations
from schemas.errors import SettingsError
from worker.delivery.by_url import SenderByUrl
from worker.delivery.loop import DeliveryLoop, Limits
from worker.delivery.recovery import RecoveryWalker
from worker.delivery.sender import Sender, WebhookSender

# The longest that stopping waits for receivers; what is cut off is sent again.
_LONGEST_GRACE: Final = timedelta(seconds=3)
_BAD_SETTINGS: Final = 8
_HOUR: Final = 3600.0
# A thousand requests at once, and the connections that are kept for the next ones.
_SOCKETS: Final = 8192

_log: Final = structlog.get_logger()


def main() -> int:
    """Run until SIGTERM or SIGINT and return the exit status."""
    about = "Send signed webhooks until they are taken. GENQ_ variables are the settings."
    argparse.ArgumentParser(prog="genq deliver", description=about).parse_args()
    try:
        settings = read_settings()
        configure_logging(settings, process="deliver")
        configure_tracing(settings, process="deliver")
        serve_metrics(settings.metrics_port)
        _allow_sockets()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings))
    except SettingsError as error:
        sys.stderr.write(f"{error.message}\n")
        return _BAD_SETTINGS
    return 0


def _allow_sockets() -> None:
    """Raise the limit of open files, as far as the machine lets us: most start at 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = _SOCKETS if hard == resource.RLIM_INFINITY else min(_SOCKETS, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with (
        _engine(settings) as engine,
        _deliveries(settings, engine) as deliveries,
        Doorbells(settings.doorbell_url()) as doorbells,
        doorbells.listen(DELIVER) as bell,
        asyncio.TaskGroup() as group,
    ):
        listener = group.create_task(_wake_on(bell, deliveries))
        walker = RecoveryWalker(
            engine, partial(doorbells.ring, DELIVER), pace=deliveries.recovery_pace
        )
        walking = group.create_task(walker.run())
        _log.info("delivery_started")
        await deliveries.run(stop, grace=min(settings.drain_grace, _LONGEST_GRACE))
        listener.cancel()
        walking.cancel()
    _log.info("delivery_stopped")


async def _wake_on(bell: Bell, deliveries: DeliveryLoop) -> None:
    while True:
        if await bell.wait(_HOUR):
            bell.drain()
            deliveries.wake()


@contextlib.asynccontextmanager
async def _engine(settings: Settings) -> AsyncGenerator[AsyncEngine]:
    engine = create_engine(settings, process="deliver")
    try:
        yield engine
    finally:
        await engine.dispose()


@contextlib.asynccontextmanager
async def _deliveries(settings: Settings, engine: AsyncEngine) -> AsyncGenerator[DeliveryLoop]:
    clock = SystemClock()
    policy = policy_of(settings)
    proxy = proxy_of(settings)
    async with contextlib.AsyncExitStack() as stack:
        certificates = stack.enter_context(contextlib.closing(ClientCertificates()))
        outbound = await stack.enter_async_context(
            open_outbound(policy, proxy=proxy, receive_buffer=RECEIVE_BUFFER)
        )
        sender = WebhookSender(
            outbound,
            clock=clock,
            user_agent=f"genq/{installed_version()}",
            certificates=certificates,
        )
        yield DeliveryLoop(
            engine,
            SenderByUrl(sender, await _chats(stack, settings, engine, clock)),
            Destinations(sealer_for(settings), timeout=settings.webhook_timeout),
            limits=Limits(lease=settings.webhook_lane_lease),
            clock=clock,
            chance=random.SystemRandom().random,
        )


async def _chats(
    stack: contextlib.AsyncExitStack, settings: Settings, engine: AsyncEngine, clock: Clock
) -> Sender | None:
    """Open what sends to chats; ``None``: there is no bot, and nothing of it is imported."""
    if not has_bot(settings):
        return None
    from worker.delivery.chats import open_chats  # noqa: PLC0415 - see above

    return await stack.enter_async_context(open_chats(settings, engine, clock))

"""A receiver that is down for four hours, played in seconds; see ``tests.bench.outage``."""

import shutil
import tempfile
from pathlib import Path

from infra.telemetry.logging import configure_logging
from tests.bench.measured import Measured
from tests.bench.outage import settings_of
from tests.chaos.postgres import postgres as running_postgres
from tests.fixtures.outage import play_outage


async def measure_outage(deliveries: int) -> Measured:
    """Let so many deliveries wait for four hours of the clock, and then drain."""
    found = Measured(f"A receiver is down for 4 h while {deliveries} events are due")
    folder = Path(tempfile.mkdtemp(prefix="genq-outage-", dir="/tmp"))
    try:
        async with running_postgres(folder) as server:
            settings = settings_of(server.url, folder)
            configure_logging(settings, process="outage")
            seen = await play_outage(settings, deliveries=deliveries)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    rate = seen.deliveries / seen.drain_seconds
    found.add("attempts", "attempts while down", seen.attempts_while_down, digits=0)
    found.add("drain", "then drained, by a script for a receiver", rate, "/s", digits=0)
    if seen.missed or seen.extra or seen.out_of_order:
        found.faults.append(
            f"{seen.missed} missed, {seen.extra} twice, {seen.out_of_order} out of order"
        )
    return found

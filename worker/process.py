"""`python -P -m worker`: one Celery worker with the asyncio pool, until SIGTERM."""

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any, Final

from celery import signals
from celery.exceptions import SecurityWarning

from infra.broker import refuse_unusable_broker
from infra.settings import Settings, read_settings
from infra.telemetry.logging import configure_logging
from infra.telemetry.metrics import serve_metrics
from infra.telemetry.tracing import configure_tracing
from schemas.errors import GenqError, SettingsError
from worker.app import create_worker_app
from worker.hurry import hurry_on_signal
from worker.pool import Service
from worker.quiet import be_quiet_on_signal

_BAD_SETTINGS: Final = 8
_CANNOT_START: Final = 1
_SWITCH_SECONDS: Final = 0.0005


def work(settings: Settings, service: Service | None = None) -> int:
    """Run a worker until it is told to stop; return the exit code.

    Args:
        settings: Of this process.
        service: What it does with jobs, if not what a worker does.
    """
    app = create_worker_app(settings, service)

    def leave(**_: object) -> None:
        """Set nothing up."""

    def announce(sender: Any, **_: object) -> None:
        del sender
        worker.pool.announce_drain()

    def ready(**_: object) -> None:
        be_quiet_on_signal(worker, settings.lanes)
        hurry_on_signal(worker)

    # Celery's thread and the attempts' loop take turns; at the default of 5 ms each would wait
    # that long for the other on a busy worker.
    sys.setswitchinterval(_SWITCH_SECONDS)
    # Running as root in a container is the operator's choice; messages are JSON, never pickle.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    # Celery's own log set-up would fight with ours.
    signals.setup_logging.connect(leave, weak=False)
    signals.worker_ready.connect(ready, weak=False)
    signals.worker_shutting_down.connect(announce, weak=False)
    worker: Any = app.Worker(
        hostname=f"genq-{os.getpid()}@%h",
        concurrency=settings.slots,
        loglevel="WARNING",
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    worker.start()
    return worker.exitcode or 0


def main(arguments: Sequence[str]) -> int:
    """Read arguments and settings, and work; return the exit code."""
    parser = argparse.ArgumentParser(prog="genq work", description=__doc__)
    parser.add_argument("--lanes", help="comma-separated, e.g. turbo,fast")
    parser.add_argument("--slots", type=int, help="jobs at once")
    asked = parser.parse_args(arguments)
    overrides: dict[str, Any] = {}
    if asked.slots is not None:
        overrides["slots"] = asked.slots
    if asked.lanes is not None:
        overrides["lanes"] = [lane.strip() for lane in asked.lanes.split(",")]
    try:
        settings = read_settings(**overrides)
        configure_logging(settings, process="work")
        configure_tracing(settings, process="work")
        serve_metrics(settings.metrics_port)
        refuse_unusable_broker(settings)
        return work(settings)
    except SettingsError as error:
        sys.stderr.write(f"{error.message}\n")
        return _BAD_SETTINGS
    except GenqError as error:
        sys.stderr.write(f"the worker cannot start: {error.message}\n")
        return _CANNOT_START

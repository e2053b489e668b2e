"""The processes of genq as launches, and the order in which they are stopped."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.embedded.addresses import LOOPBACK, reached_at
from infra.embedded.child_settings import ChildSettings, metrics_environment
from infra.embedded.launch import Launch, Probe, StopPhase, always_ready
from infra.embedded.probes import answers, takes_jobs, works_with_database

SERVICES: Final = ("api", "dispatch", "work", "deliver")
SERVERS: Final = ("simulator", "valkey", "postgres")
_API_SECONDS: Final = 1.0
_AFTER_DRAIN_SECONDS: Final = 0.8
_SERVER_SECONDS: Final = 1.5


def python(module: str, *arguments: str) -> tuple[str, ...]:
    """Return the command line of one of our modules, blind to the current folder."""
    return (sys.executable, "-P", "-m", module, *arguments)


def _ahead(module: str, *arguments: str) -> tuple[str, ...]:
    """Return the command line that imports the module, and runs it when it is told to."""
    return python("infra.embedded.held", module, *arguments)


def migrate(told: ChildSettings) -> Launch:
    """Return how the tables are brought up to date."""
    return Launch(
        "migrations",
        python("migrations", "upgrade"),
        told.environment,
        always_ready,
        ahead=_ahead("migrations", "upgrade"),
    )


def simulate(told: ChildSettings, port: int) -> Launch:
    """Return how the development model server is started."""
    return Launch(
        "simulator",
        python("infra.simulator", "--host", LOOPBACK, "--port", str(port)),
        told.environment,
        answers(LOOPBACK, port, "/v1/models"),
    )


def serve(told: ChildSettings, engine: AsyncEngine) -> Sequence[Launch]:
    """Return how genq's own processes are started, in any order."""
    settings = told.settings
    answering = answers(reached_at(settings.api_host), settings.api_port, "/readyz")
    programs: dict[str, tuple[str, Probe]] = {
        "dispatch": ("producer.dispatcher", works_with_database(engine, "genq dispatch")),
        "work": ("worker", takes_jobs(engine)),
        "deliver": ("worker.delivery", works_with_database(engine, "genq deliver")),
        "api": ("producer.api", answering),
    }
    return [
        Launch(
            name,
            python(module),
            metrics_environment(told.environment, settings, number),
            ready,
            ahead=_ahead(module),
        )
        for number, (name, (module, ready)) in enumerate(programs.items())
    ]


def stop_order(drain_seconds: float) -> Sequence[StopPhase]:
    """Return how to stop and lose nothing, within ten seconds for a drain of five.

    First nothing new comes in, then what runs may finish, then what it needs goes away.
    """
    drained = _API_SECONDS + drain_seconds + _AFTER_DRAIN_SECONDS
    return (
        StopPhase(("api",), ("api",), _API_SECONDS, force=False),
        StopPhase(SERVICES[1:], SERVICES, drained),
        StopPhase(SERVERS, SERVERS, drained + _SERVER_SECONDS),
    )


def log_names(logs: Path) -> dict[str, Path]:
    """Return the logs in which a warning is for the user, by process."""
    return {name: logs / f"{name}.log" for name in (*SERVICES, "simulator", "up")}

"""The commands of an operator, from what was typed to what is printed."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from typing import Final

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.audit_actor import acting_as
from infra.clock import SystemClock
from infra.doorbells import Doorbells
from infra.postgres.engine import create_engine, transaction
from infra.postgres.pauses import InFlight, Scope, Target, list_pauses
from infra.postgres.workers import list_workers
from infra.settings import Settings
from infra.telemetry.logging import configure_logging
from producer.operator import holding, limits
from producer.operator.budget_commands import run_budgets
from producer.operator.command_line import parse
from producer.operator.holding import NotDrainedError
from producer.operator.key_commands import run_keys
from producer.operator.limits_screen import show_limits
from producer.operator.overview import look_at_lanes
from producer.operator.overview_screen import show_lanes
from producer.operator.plan_commands import run_tenants
from producer.operator.reach import settings_of
from producer.operator.screen import Screen, pause_facts, target_facts
from producer.operator.sealing_commands import run_reseal
from producer.operator.targets import find_target
from producer.operator.top import Watch, top
from producer.operator.who import operator
from producer.operator.worker_health import UnhealthyError, tell_health
from schemas.errors import DatabaseUnavailableError, GenqError, NotFoundError, SettingsError
from schemas.job import iso_ms

_FAILED: Final = 1
_UNREACHABLE: Final = 5
_TIMED_OUT: Final = 124
_INTERRUPTED: Final = 130

_CODES: Final = {
    NotFoundError.code: 3,
    DatabaseUnavailableError.code: _UNREACHABLE,
    SettingsError.code: 8,
}

_HOLDING: Final = frozenset({"pause", "resume", "drain"})

_log: Final = structlog.get_logger()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors are told on standard error."""
    given = parse(arguments)
    try:
        settings = settings_of(given.data_dir, embedded=given.embedded)
        # The record of who did what is for files and collectors; a person is told in words.
        told = {"log_level": "warning"} if sys.stderr.isatty() else {}
        configure_logging(
            settings.model_copy(update=told), process="operator", stream=sys.stderr.buffer
        )
        with acting_as(f"operator {operator()}"):
            asyncio.run(_run(given, settings))
    except GenqError as error:
        return _fail(error.message, _CODES.get(error.code, _FAILED))
    except DBAPIError as error:
        first = str(error.orig).strip().partition("\n")[0]
        return _fail(f"{first}; is the database of this release? genq db check", _UNREACHABLE)
    except UnhealthyError as error:
        return _fail(f"{error}\nnext: genq workers, or the log of genq work", _FAILED)
    except NotDrainedError as error:
        again = f"genq drain {given.scope} {given.name}"
        resume = f"genq resume {given.scope} {given.name}"
        told = f"not drained: {error} after {given.timeout:g} s; it stays paused"
        return _fail(f"{told}\nnext: {again}, or {resume}", _TIMED_OUT)
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


async def _run(given: argparse.Namespace, settings: Settings) -> None:
    engine = create_engine(settings, process="operator")
    screen = Screen(as_json=given.json, quiet=given.quiet)
    try:
        if given.command == "top":
            watch = Watch(engine, settings, SystemClock())
            await top(watch, screen, every=given.every, once=given.once)
        elif given.command == "tenant-budget":
            await run_budgets(given, engine, screen)
        elif given.command.startswith("tenant-"):
            await run_tenants(given, settings, engine, screen)
        elif given.command.startswith("key-"):
            await run_keys(given, settings, engine, screen)
        elif given.command == "webhook-reseal":
            await run_reseal(settings, engine, screen)
        elif given.command in _HOLDING:
            async with transaction(engine) as connection:
                target = await find_target(
                    connection, Scope(given.scope), given.name, settings.model_servers
                )
            await _hold(given, settings, engine, target, screen)
        else:
            async with transaction(engine) as connection:
                await _look(given, settings, connection, screen)
    finally:
        await engine.dispose()


async def _look(
    given: argparse.Namespace, settings: Settings, connection: AsyncConnection, screen: Screen
) -> None:
    match given.command:
        case "pauses":
            screen.show_pauses(await list_pauses(connection))
        case "worker-health":
            tell_health(screen, await list_workers(connection), given.host, given.pid)
        case "workers":
            screen.show_workers(await list_workers(connection))
        case "lanes":
            show_lanes(screen, await look_at_lanes(connection, settings))
        case _:
            show_limits(screen, await limits.look(connection, settings.model_servers))


async def _hold(
    given: argparse.Namespace,
    settings: Settings,
    engine: AsyncEngine,
    target: Target,
    screen: Screen,
) -> None:
    named = f"{target.scope.value} {target.name}"
    done = {"operator": operator(), **target_facts(target)}
    if given.command == "pause":
        pause = await holding.pause(engine, target)
        _log.info("paused", **done)
        waits = f"{pause.waiting} waiting, {pause.inflight} in flight"
        line = f"{named}: paused since {iso_ms(pause.since)}; {waits}"
        screen.say(line, pause_facts(pause))
        screen.remark(f"next: genq resume {named}")
    elif given.command == "resume":
        async with Doorbells(settings.doorbell_url()) as doorbells:
            was_paused = await holding.resume(engine, doorbells, target)
        _log.info("resumed", **done, was_paused=was_paused)
        line = f"{named}: {'resumed' if was_paused else 'was not paused'}"
        screen.say(line, {**target_facts(target), "was_paused": was_paused})
    else:
        _log.info("drain_began", **done, timeout_s=given.timeout)
        seconds = await _drain(given, engine, target, screen)
        _log.info("drained", **done, seconds=round(seconds, 1))
        told = {**target_facts(target), "drained": True, "seconds": round(seconds, 1)}
        screen.say(f"{named}: drained after {seconds:.1f} s; it stays paused", told)
        screen.remark(f"next: genq resume {named}")


async def _drain(
    given: argparse.Namespace, engine: AsyncEngine, target: Target, screen: Screen
) -> float:
    still = ""

    def on_progress(left: InFlight) -> None:
        nonlocal still
        still = f" ({left.total} still {'runs' if left.total == 1 else 'run'})"
        screen.progress(target, left)

    try:
        return await holding.drain(
            engine, target, timeout=given.timeout, clock=SystemClock(), on_progress=on_progress
        )
    except asyncio.CancelledError:
        # Ctrl-C ends the waiting alone.
        named = f"{target.scope.value} {target.name}"
        screen.remark(f"stopped waiting; {named} stays paused{still}")
        screen.remark(f"next: genq resume {named}")
        raise


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"genq: {message}\n")
    return code

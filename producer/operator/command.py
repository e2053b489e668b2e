"""The commands of an operator, from what was typed to what is printed."""

import argparse
import asyncio
import getpass
import shlex
import socket
import sys
from collections.abc import Sequence
from typing import Final

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.clock import SystemClock
from infra.doorbells import Doorbells
from infra.postgres.engine import create_engine, transaction
from infra.postgres.pauses import InFlight, Scope, Target, list_pauses
from infra.postgres.tenant_plans import list_plans
from infra.postgres.workers import list_workers
from infra.settings import Settings
from infra.telemetry.logging import configure_logging
from producer.operator import holding, limits, plans
from producer.operator.command_line import parse
from producer.operator.holding import NotDrainedError
from producer.operator.overview import look_at_lanes
from producer.operator.overview_screen import show_lanes
from producer.operator.plan_screen import (
    change_facts,
    show_change,
    show_limits,
    show_plans,
    show_standing,
)
from producer.operator.reach import settings_of
from producer.operator.screen import Screen, pause_facts, target_facts
from producer.operator.targets import find_target
from producer.operator.top import Watch, top
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
        elif given.command == "worker-health":
            async with transaction(engine) as connection:
                tell_health(screen, await list_workers(connection), given.host, given.pid)
        elif given.command == "tenant-set":
            await _set_plan(given, settings, engine, screen)
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
        case "workers":
            screen.show_workers(await list_workers(connection))
        case "lanes":
            show_lanes(screen, await look_at_lanes(connection, settings))
        case "limits":
            show_limits(screen, await limits.look(connection, settings.model_servers))
        case "tenant-show":
            show_standing(screen, await plans.look(connection, given.name))
        case _:
            await _list_tenants(given, connection, screen)


async def _list_tenants(
    given: argparse.Namespace, connection: AsyncConnection, screen: Screen
) -> None:
    found = await list_plans(
        connection, prefix=given.prefix, after=given.after, limit=given.limit + 1
    )
    shown = found[: given.limit]
    if not shown:
        screen.remark("no tenant fits")
        return
    show_plans(screen, shown)
    if len(found) > len(shown):
        screen.remark(f"there are more: --after {shlex.quote(shown[-1].name)}")


async def _set_plan(
    given: argparse.Namespace, settings: Settings, engine: AsyncEngine, screen: Screen
) -> None:
    async with Doorbells(settings.doorbell_url()) as doorbells:
        done = await plans.change(
            engine,
            doorbells,
            given.name,
            given.change,
            create_with=settings.tenant_max_inflight if given.create else None,
        )
    if done.fields or done.created:
        _log.info(
            "tenant_changed",
            operator=_operator(),
            what=Scope.TENANT.value,
            name=done.plan.name,
            created=done.created,
            changed=change_facts(done),
        )
    show_change(screen, done)
    if done.created:
        screen.remark("it has no API key yet")


async def _hold(
    given: argparse.Namespace,
    settings: Settings,
    engine: AsyncEngine,
    target: Target,
    screen: Screen,
) -> None:
    named = f"{target.scope.value} {target.name}"
    operator = {"operator": _operator(), **target_facts(target)}
    if given.command == "pause":
        pause = await holding.pause(engine, target)
        _log.info("paused", **operator)
        waits = f"{pause.waiting} waiting, {pause.inflight} in flight"
        line = f"{named}: paused since {iso_ms(pause.since)}; {waits}"
        screen.say(line, pause_facts(pause))
        screen.remark(f"next: genq resume {named}")
    elif given.command == "resume":
        async with Doorbells(settings.doorbell_url()) as doorbells:
            was_paused = await holding.resume(engine, doorbells, target)
        _log.info("resumed", **operator, was_paused=was_paused)
        line = f"{named}: {'resumed' if was_paused else 'was not paused'}"
        screen.say(line, {**target_facts(target), "was_paused": was_paused})
    else:
        _log.info("drain_began", **operator, timeout_s=given.timeout)
        seconds = await _drain(given, engine, target, screen)
        _log.info("drained", **operator, seconds=round(seconds, 1))
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


def _operator() -> str:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        # A container may run under a number that has no name.
        name = "?"
    return f"{name}@{socket.gethostname()}"


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"genq: {message}\n")
    return code

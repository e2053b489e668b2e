"""`genq route`, from what was typed to what is printed."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml
from sqlalchemy.exc import DBAPIError

from infra.audit_actor import acting_as
from infra.doorbells import Doorbells
from infra.postgres.engine import create_engine
from infra.server_reports import ReportBoard
from infra.settings import Settings
from infra.telemetry.logging import configure_logging
from producer.doctor.reach import find
from producer.operator.screen import Screen
from producer.operator.who import operator
from producer.routing import screens
from producer.routing.desk import RouteDesk, Switch
from producer.routing.health import health_view
from producer.routing.words import parse
from schemas.errors import (
    DatabaseUnavailableError,
    GenqError,
    NotFoundError,
    SettingsError,
    ValkeyUnavailableError,
)
from schemas.route_errors import InvalidRouteError, RouteConflictError

_FAILED: Final = 1
_UNREACHABLE: Final = 5
_INVALID: Final = 8
_CODES: Final = {
    NotFoundError.code: 3,
    DatabaseUnavailableError.code: _UNREACHABLE,
    ValkeyUnavailableError.code: _UNREACHABLE,
    SettingsError.code: _INVALID,
    InvalidRouteError.code: _INVALID,
    RouteConflictError.code: 9,
}
_LARGEST: Final = 1024 * 1024
_SOON: Final = "every process goes by it within two seconds"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors are told on standard error."""
    given = parse(arguments)
    screen = Screen(as_json=given.json, quiet=given.quiet)
    try:
        settings = find(given.data_dir, embedded=given.embedded).settings()
        quiet = settings.model_copy(update={"log_level": "error"})
        configure_logging(quiet, process="route", stream=sys.stderr.buffer)
        with acting_as(f"operator {operator()}"):
            asyncio.run(_run(given, settings, screen))
    except GenqError as error:
        for fault in error.fields if len(error.fields) > 1 else ():
            sys.stderr.write(f"{fault.pointer or '/'}: {fault.message}\n")
        sys.stderr.write(f"genq: {error.message}\n")
        return _CODES.get(error.code, _FAILED)
    except DBAPIError as error:
        first = str(error.orig).strip().partition("\n")[0]
        sys.stderr.write(f"genq: {first}; is the database of this release? genq db check\n")
        return _UNREACHABLE
    return 0


async def _run(given: argparse.Namespace, settings: Settings, screen: Screen) -> None:
    engine = create_engine(settings, process="route")
    try:
        async with Doorbells(settings.doorbell_url()) as doorbells:
            desk = RouteDesk(engine, settings, doorbells)
            if given.command in {"ls", "show", "history", "health"}:
                await _look(given, desk, settings, screen)
            else:
                shown = await _change(given, desk)
                screens.show_route(screen, shown)
                screen.remark(_SOON)
    finally:
        await engine.dispose()


async def _look(
    given: argparse.Namespace, desk: RouteDesk, settings: Settings, screen: Screen
) -> None:
    if given.command == "ls":
        screens.show_routes(screen, await desk.every())
        return
    shown = await desk.get(given.model)
    match given.command:
        case "show":
            screens.show_route(screen, shown)
        case "history":
            found = await desk.versions(given.model, before=None, limit=given.limit)
            screens.show_history(screen, found, shown.route.version)
            if not found:
                screen.remark(f"{given.model} has no route of its own: the settings count")
        case _:
            async with ReportBoard(settings.doorbell_url()) as board:
                screens.show_health(screen, health_view(shown.route, await board.read()))


async def _change(given: argparse.Namespace, desk: RouteDesk) -> Any:
    model: str = given.model
    match given.command:
        case "set":
            document = _document(given.file)
            return await desk.put(model, document, expected=given.version, note=given.note)
        case "weights":
            servers = {name: {"weight": weight} for name, weight in given.weights}
            patch: dict[str, Any] = {"servers": servers}
            return await desk.merge(model, patch, expected=None, note=given.note)
        case "canary":
            patch = {"servers": {given.server: {"canary": given.percent or None}}}
            return await desk.merge(model, patch, expected=None, note=given.note)
        case "rollback":
            return await desk.rollback(model, given.version)
        case _:
            return await desk.switch(model, given.server, Switch(given.command))


def _document(file: str) -> Any:
    try:
        if file == "-":
            data = sys.stdin.buffer.read(_LARGEST + 1)
        else:
            with Path(file).open("rb") as opened:
                data = opened.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise InvalidRouteError(f"{file}: more than a megabyte")
        # JSON is YAML, too.
        return yaml.safe_load(data.decode()) or {}
    except OSError as error:
        raise InvalidRouteError(f"{file}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise InvalidRouteError(f"{file}: is not UTF-8") from None
    except yaml.YAMLError as error:
        told = str(error).partition("\n")[0]
        raise InvalidRouteError(f"{file}: is neither YAML nor JSON: {told}") from None

"""`genq bot`, from what was typed to what is printed."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from functools import partial
from typing import Final

from sqlalchemy.exc import DBAPIError

from infra.audit_actor import acting_as
from infra.clock import SystemClock
from infra.doorbells import Doorbells
from infra.postgres.engine import create_engine
from infra.settings import Settings
from infra.telemetry.logging import configure_logging
from producer.bot import screens
from producer.bot.words import changed, parse
from producer.chat.binding_desk import BindingDesk
from producer.chat.bots import bot_view
from producer.operator.reach import settings_of
from producer.operator.screen import Screen
from producer.operator.who import operator
from schemas.chat import Platform
from schemas.errors import (
    DatabaseUnavailableError,
    GenqError,
    NotFoundError,
    SettingsError,
    ValkeyUnavailableError,
)

_FAILED: Final = 1
_UNREACHABLE: Final = 5
_CODES: Final = {
    NotFoundError.code: 3,
    DatabaseUnavailableError.code: _UNREACHABLE,
    ValkeyUnavailableError.code: _UNREACHABLE,
    SettingsError.code: 8,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors are told on standard error."""
    given = parse(arguments)
    screen = Screen(as_json=given.json, quiet=given.quiet)
    try:
        settings = settings_of(given.data_dir, embedded=given.embedded)
        quiet = settings.model_copy(update={"log_level": "error"})
        configure_logging(quiet, process="bot", stream=sys.stderr.buffer)
        with acting_as(f"operator {operator()}"):
            asyncio.run(_run(given, settings, screen))
    except GenqError as error:
        sys.stderr.write(f"genq: {error.message}\n")
        return _CODES.get(error.code, _FAILED)
    except DBAPIError as error:
        first = str(error.orig).strip().partition("\n")[0]
        sys.stderr.write(f"genq: {first}; is the database of this release? genq db check\n")
        return _UNREACHABLE
    return 0


async def _run(given: argparse.Namespace, settings: Settings, screen: Screen) -> None:
    engine = create_engine(settings, process="bot")
    try:
        async with Doorbells(settings.doorbell_url()) as doorbells:
            desk = BindingDesk(engine, doorbells)
            match given.command:
                case "bindings":
                    await _list(given, desk, settings, screen)
                case "bind":
                    change = partial(changed, given.said, given.tenant)
                    made = await desk.put(given.bound, given.tenant, change)
                    screens.show_binding(screen, made)
                    screen.remark("it counts from the next command on")
                case "unbind":
                    found = await desk.find(given.bound)
                    screens.show_unbound(screen, await desk.delete(found.id))
                case _:
                    await _resume(given, desk, settings, screen)
    finally:
        await engine.dispose()


async def _list(
    given: argparse.Namespace, desk: BindingDesk, settings: Settings, screen: Screen
) -> None:
    found = await desk.page(
        limit=given.limit + 1,
        platform=Platform(given.platform) if given.platform else None,
        tenant=given.tenant,
        before=given.after,
    )
    screens.show_bindings(screen, found[: given.limit], more=len(found) > given.limit)
    now = SystemClock().now()
    for platform, bot in (await desk.bots()).items():
        screens.warn_of_bot(screen, bot_view(settings, platform, bot, now))


async def _resume(
    given: argparse.Namespace, desk: BindingDesk, settings: Settings, screen: Screen
) -> None:
    if given.bound is not None:
        found = await desk.find(given.bound)
        screens.show_binding(screen, await desk.resume(found.id))
        return
    platform = Platform(given.platform)
    resumed = await desk.resume_bot(platform)
    known = (await desk.bots()).get(platform)
    screens.show_bot(screen, bot_view(settings, platform, known, SystemClock().now()))
    screen.remark("it speaks again" if resumed else "it was neither stopped nor paused")

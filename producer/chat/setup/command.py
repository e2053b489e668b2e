"""`genq bot setup`, from what was typed to what is printed."""

import argparse
import asyncio
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from infra.chat.adapter import ChatHttp
from infra.chat.http import open_chat_http
from infra.settings import Settings
from producer.chat.setup.discord import DiscordSetup
from producer.chat.setup.needs import NEEDED, fault_of, missing_of
from producer.chat.setup.slack import SlackSetup
from producer.chat.setup.steps import Steps, wrong
from producer.chat.setup.telegram import TelegramSetup
from producer.doctor.reach import find
from producer.operator.command_parser import CommandParser
from producer.operator.screen import Screen
from schemas.chat import Platform
from schemas.chat_errors import ChatUnreachableError
from schemas.errors import GenqError, SettingsError

_FAILED: Final = 1
_UNREACHABLE: Final = 5
_BAD_SETTINGS: Final = 8
_ID: Final = re.compile(r"[0-9]{1,20}")
# What has no default and a bot has nothing to do with.
_STAND_INS: Final = {
    "database_url": "postgresql://",
    "broker_url": "redis://",
    "object_store": "file:///",
    "key_pepper": "0123456789abcdef",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it and return its exit code; errors are told on standard error."""
    given = parse(arguments)
    screen = Screen(as_json=given.json, quiet=given.quiet)
    try:
        settings, missing = settings_for(
            given.platform, given.data_dir, embedded=given.embedded
        )
        asyncio.run(_run(given, settings, missing, screen))
    except SettingsError as error:
        return _tell(error, _BAD_SETTINGS)
    except ChatUnreachableError as error:
        sys.stderr.write(f"genq: {given.platform} cannot be reached: {error.message}\n")
        sys.stderr.write("next: run the same command again, as often as needed\n")
        return _UNREACHABLE
    except GenqError as error:
        return _tell(error, _FAILED)
    return 0


def settings_for(
    platform: Platform, data_dir: Path | None, *, embedded: Path | None
) -> tuple[Settings, list[str]]:
    """Return the settings, and which of the bot's are missing: those have stand-ins.

    Args:
        platform: Whose bot.
        data_dir: The folder of a running `genq up` that is meant.
        embedded: The folder to look into if the shell names no database.

    Raises:
        SettingsError: One is wrong.
    """
    found = find(data_dir, embedded=embedded)
    unset = {name for name, origin in found.origins().items() if origin.kind == "default"}
    unset -= set(found.overrides)
    missing = [field for field in NEEDED[platform] if field in unset]
    meanwhile = {field: NEEDED[platform][field][1] for field in missing}
    others = {name: value for name, value in _STAND_INS.items() if name in unset}
    return found.settings(**others, **meanwhile, production=False), missing


async def _run(
    given: argparse.Namespace, settings: Settings, missing: list[str], screen: Screen
) -> None:
    async with open_chat_http(settings) as http:
        await set_up(given, settings, missing, http, screen)


async def set_up(
    given: argparse.Namespace,
    settings: Settings,
    missing: list[str],
    http: ChatHttp,
    screen: Screen,
) -> None:
    """Set one bot up.

    Args:
        given: What was typed, from ``parse``.
        settings: With stand-ins for what is missing.
        missing: Fields of the bot's settings.
        http: The way to the platform.
        screen: Takes what is found.

    Raises:
        SettingsError: A setting is missing or wrong; nothing was changed.
        ChatSetupRefusedError: The platform refuses.
        ChatUnreachableError: The platform cannot be reached.
    """
    steps = Steps(http, screen, dry=given.dry_run)
    endpoint = not given.commands_only
    slack = given.platform is Platform.SLACK
    fault = fault_of(settings.public_url) if endpoint or slack else None
    if missing and not (slack and fault is None):
        raise missing_of(given.platform, missing)
    if fault is not None:
        raise wrong("public_url", fault)
    if slack:
        setup = SlackSetup(settings, steps, name=given.name)
        if missing:
            # Its app, which has them, is only made of the manifest.
            setup.show()
            raise missing_of(given.platform, missing)
        await setup.run()
    elif given.platform is Platform.TELEGRAM:
        await TelegramSetup(settings, steps, endpoint=endpoint).run()
    else:
        discord = DiscordSetup(settings, steps, guild=given.guild, endpoint=endpoint)
        await discord.run()
    if given.dry_run:
        steps.next("nothing was sent")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return what was typed; a mistake ends with code 2."""
    parser = CommandParser(prog="genq bot setup", description="register a bot")
    parser.add_argument("platform", type=Platform, choices=list(Platform))
    parser.add_argument("--guild", help="Discord: commands of this server alone")
    parser.add_argument("--name", default="genq", help="Slack: of the app")
    parser.add_argument("--commands-only", action="store_true", help="no endpoint")
    parser.add_argument("--dry-run", action="store_true", help="only tell what would be sent")
    parser.add_argument("--json", action="store_true", help="JSON, one object a line")
    parser.add_argument("--quiet", action="store_true", help="no remarks")
    parser.add_argument("--data-dir", type=Path, help="of a running genq up")
    parser.add_argument("--embedded", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.guild is not None and given.platform is not Platform.DISCORD:
        parser.error("--guild: Discord alone has servers of this kind")
    if given.guild is not None and not _ID.fullmatch(given.guild):
        parser.error("--guild: the server's id, a number (Discord > Developer Mode > Copy ID)")
    if given.commands_only and given.platform is Platform.SLACK:
        parser.error("--commands-only: Slack has commands and address in one manifest")
    return given


def _tell(error: GenqError, code: int) -> int:
    sys.stderr.write(f"genq: {error.message}\n")
    return code

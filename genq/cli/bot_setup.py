"""`genq bot setup`: register a bot with Discord, Slack or Telegram."""

from pathlib import Path
from typing import Annotated

import typer

from genq.cli import options
from genq.cli.bot_platform import PLATFORMS
from genq.cli.examples import one_of
from genq.cli.operate import own_data_dir
from genq.cli.processes import become
from genq.cli.screen import is_quiet

Platform = Annotated[
    str, typer.Argument(metavar="PLATFORM", help="discord, slack or telegram.")
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", metavar="DIR", help="Settings of the `genq up` that runs there."
    ),
]
Guild = Annotated[
    str | None,
    typer.Option("--guild", metavar="ID", help="Discord: commands of this server alone."),
]
Name = Annotated[
    str, typer.Option("--name", metavar="NAME", help="Slack: of the app in the manifest.")
]
CommandsOnly = Annotated[
    bool, typer.Option("--commands-only", help="Leave the bot's address there as it is.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only tell what would be sent.")]


def setup(
    platform: Platform,
    *,
    guild: Guild = None,
    name: Name = "genq",
    commands_only: CommandsOnly = False,
    dry_run: DryRun = False,
    as_json: options.AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Register a bot with its platform; it may be run as often as you like.

    Without its settings it says which are missing and where one finds them. Discord and
    Telegram are told GENQ_PUBLIC_URL and the commands; for Slack it prints the app's manifest
    and where to paste it. Exit codes: 1 refused, 5 unreachable, 8 a setting is wrong.
    """
    one_of(platform, PLATFORMS, "PLATFORM")
    told = [f"--name={name}"]
    if guild is not None:
        told.append(f"--guild={guild}")
    switches = {"--commands-only": commands_only, "--dry-run": dry_run, "--json": as_json}
    told += [flag for flag, given in switches.items() if given]
    if is_quiet():
        told.append("--quiet")
    if data_dir is not None:
        told.append(f"--data-dir={data_dir}")
    elif (running := own_data_dir()) is not None:
        told.append(f"--embedded={running}")
    become("producer.chat.setup", [*told, platform])

"""`genq bot` and its commands, as the tree shows them."""

import re
from collections.abc import Callable
from typing import Any, Final

import typer
from typer.core import TyperCommand

from genq.cli import bot_play, bot_setup, bots
from genq.cli.examples import command_with
from genq.cli.groups import add, group

_BELOW_ZERO: Final = re.compile(r"-[0-9]{2,20}")


def bot_commands() -> typer.Typer:
    """Return the group."""
    app = group(
        "Bots on Discord, Slack and Telegram: whom they serve, and by which rules.",
        "genq bot play",
        "genq bot setup discord",
        "genq bot bind discord 41771983423143937 --tenant demo",
        order=("play", "setup", "bindings", "bind", "unbind", "resume"),
    )
    add(
        app,
        "play",
        bot_play.play,
        "genq bot play",
        "genq bot play --platform telegram --output kites",
        "printf '/imagine a red kite\\nu2\\n/quit\\n' | genq bot play",
    )
    add(
        app,
        "setup",
        bot_setup.setup,
        "genq bot setup discord",
        "genq bot setup discord --guild 41771983423143937 --dry-run",
        "genq bot setup slack --name painter > manifest.json",
    )
    _add_bindings(app)
    return app


def _add_bindings(app: typer.Typer) -> None:
    add(
        app,
        "bindings",
        bots.bindings,
        "genq bot bindings",
        "genq bot bindings --tenant demo --json",
        also=("ls", "list"),
    )
    _add(
        app,
        "bind",
        bots.bind,
        "genq bot bind discord 41771983423143937 --tenant demo --lanes fast,relax --max-jobs 5",
        "genq bot bind discord 41771983423143937 --press owner --channels any",
        "genq bot bind telegram -1001234567890 --tenant demo",
        "genq bot bind slack --user U024BE7LH --tenant acme",
    )
    _add(app, "unbind", bots.unbind, "genq bot unbind discord 41771983423143937")
    _add(
        app,
        "resume",
        bots.resume,
        "genq bot resume discord 41771983423143937",
        "genq bot resume telegram",
    )


def _add(app: typer.Typer, name: str, command: Callable[..., None], *examples: str) -> None:
    add(app, name, command, *examples)
    app.registered_commands[-1].cls = _with_ids(command_with(*examples))


def _with_ids(kind: type[TyperCommand]) -> type[TyperCommand]:
    """Return a command class that takes the ids of Telegram's groups for arguments."""

    class WithIds(kind):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            told = [
                bots.MINUS + word[1:] if _BELOW_ZERO.fullmatch(word) else word for word in args
            ]
            return super().parse_args(ctx, told)

    return WithIds

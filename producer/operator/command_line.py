"""The words that operators type: commands and flags, checked before anything is reached."""

import argparse
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from infra.postgres.pauses import Scope
from producer.operator.budget_words import add_budget_command, read_budgets
from producer.operator.command_parser import CommandParser
from producer.operator.key_words import add_key_commands, read_key, read_rotation
from producer.operator.plan_words import add_tenant_commands, read_change

# An attempt may take a quarter of an hour.
_DRAIN_SECONDS: Final = 1_800.0
_HOLDING: Final = {
    "pause": "release nothing more of it; what runs goes on",
    "resume": "release its jobs again",
    "drain": "pause it and wait until nothing of it runs",
}
_READ: Final[Mapping[str, Callable[[argparse.ArgumentParser, argparse.Namespace], Any]]] = {
    "tenant-set": read_change,
    "tenant-budget": read_budgets,
    "key-create": read_key,
    "key-rotate": read_rotation,
}


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return what was typed; ``wanted`` is a ``PlanChange``, or what is wanted of a key.

    A mistake ends with code 2.
    """
    parser = CommandParser(prog="genq", description="act on an installation")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, what in _HOLDING.items():
        command = commands.add_parser(name, help=what)
        command.add_argument("scope", choices=list(Scope), help="what kind of thing")
        command.add_argument("name", help="such as fast, gpt-image-1, acme")
        if name == "drain":
            command.add_argument("--timeout", type=_seconds, default=_DRAIN_SECONDS)
    commands.add_parser("pauses", help="what is paused, since when, how many jobs wait")
    commands.add_parser("workers", help="the worker processes")
    commands.add_parser("limits", help="what model servers allow, and what waits for them")
    commands.add_parser("webhook-reseal", prog="genq webhook reseal", help="use the newest key")
    commands.add_parser("lanes", help="the lanes: what waits, what is in flight")
    _add_watching(commands)
    add_tenant_commands(commands)
    add_budget_command(commands)
    add_key_commands(commands)
    for command in commands.choices.values():
        command.add_argument("--json", action="store_true", help="one JSON object a line")
        command.add_argument("--quiet", action="store_true", help="no remarks")
        command.add_argument("--data-dir", type=Path, help="of a running genq up")
        command.add_argument("--embedded", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    read = _READ.get(given.command)
    if read is not None:
        given.wanted = read(commands.choices[given.command], given)
    return given


def _add_watching(commands: Any) -> None:
    top = commands.add_parser("top", help="all that moves, again and again")
    top.add_argument("--every", type=_seconds, default=1.0, help="seconds")
    top.add_argument("--once", action="store_true", help="one look")
    health = commands.add_parser("worker-health", prog="genq work health", help="is it alive")
    health.add_argument("--host", default=socket.gethostname(), help="this one, if not said")
    health.add_argument("--pid", type=int, help="else any worker of the host")


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}: seconds, 0 or more")
    return seconds

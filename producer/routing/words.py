"""The words of `genq route`: commands and flags, checked before anything is reached."""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from producer.operator.command_parser import CommandParser
from producer.operator.typed import between
from producer.routing.desk import Switch

_MOST_VERSIONS: Final = 2_000_000_000
_COMMANDS: Final = {
    "ls": "the routes of all models",
    "show": "one route: what counts for each server",
    "set": "replace a route by a document",
    "weights": "set servers' weights",
    "canary": "set a server's share of the calls",
    **{switch.value: f"{switch.value} a server for a model" for switch in Switch},
    "rollback": "return to an earlier version",
    "history": "versions, newest first",
    "health": "how a model's servers do",
}


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return what was typed; a mistake ends with code 2."""
    parser = CommandParser(prog="genq route", description="routes of models")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, what in _COMMANDS.items():
        command = commands.add_parser(name, prog=f"genq route {name}", help=what)
        command.add_argument("--json", action="store_true", help="JSON, one object a line")
        command.add_argument("--quiet", action="store_true", help="no remarks")
        command.add_argument("--data-dir", type=Path, help="of a running genq up")
        command.add_argument("--embedded", type=Path, help=argparse.SUPPRESS)
        if name != "ls":
            command.add_argument("model", help="such as gpt-image-1")
        _add_own(name, command)
    return parser.parse_args(arguments)


def _add_own(name: str, command: argparse.ArgumentParser) -> None:
    match name:
        case "set":
            command.add_argument("file", help="YAML or JSON; - is standard input")
            command.add_argument("--version", type=_version, help="that it is made of")
        case "weights":
            command.add_argument("weights", nargs="+", type=_weight, metavar="SERVER=WEIGHT")
        case "canary":
            command.add_argument("server", help="its configured name")
            command.add_argument("percent", type=_percent, help="0 to 100; 0: it is none")
        case Switch.ENABLE | Switch.DISABLE | Switch.DRAIN:
            command.add_argument("server", help="its configured name")
        case "rollback":
            command.add_argument("version", nargs="?", type=_version)
        case "history":
            command.add_argument("--limit", type=_rows, default=50)
        case _:
            pass
    if name in {"set", "weights", "canary"}:
        command.add_argument("--note", help="why, for whoever reads the history")


def _weight(text: str) -> tuple[str, float]:
    name, equals, number = text.rpartition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r}: such as painter=3")
    return name, _number(number, 1_000_000, "a weight from 0 to 1000000")


def _percent(text: str) -> float:
    return _number(text.removesuffix("%"), 100, "0 to 100")


def _number(text: str, most: float, what: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= most:
        raise argparse.ArgumentTypeError(f"{text!r}: {what}")
    return number


def _version(text: str) -> int:
    return between(text, 0, _MOST_VERSIONS, "a version's number; 0: the settings alone")


def _rows(text: str) -> int:
    return between(text, 1, 1_000, "1 to 1000")

"""The words of `genq policy`: commands and flags, checked before anything is reached."""

import argparse
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from producer.operator.command_parser import CommandParser
from producer.operator.typed import between
from schemas.policy_spans import TimeSpan
from schemas.simulation import MOST_JOBS

_SPAN: Final[TypeAdapter[timedelta]] = TypeAdapter(TimeSpan)
_COMMANDS: Final = {
    "validate": "check a document; exit code 8 if it may not count",
    "show": "what counts, or one version",
    "ls": "versions, newest first",
    "create": "store a version",
    "approve": "approve a version as a second person",
    "activate": "let a version count",
    "simulate": "try a document or a version on the past",
    "sanctions": "end users who are sanctioned now",
    "lift": "let an end user's strikes count no more",
}


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return what was typed; a mistake ends with code 2."""
    parser = CommandParser(prog="genq policy", description="safety policies")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, what in _COMMANDS.items():
        command = commands.add_parser(name, prog=f"genq policy {name}", help=what)
        command.add_argument("--json", action="store_true", help="JSON, one object a line")
        command.add_argument("--quiet", action="store_true", help="no remarks")
        command.add_argument("--data-dir", type=Path, help="of a running genq up")
        command.add_argument("--embedded", type=Path, help=argparse.SUPPRESS)
        needed = name in {"sanctions", "lift"}
        command.add_argument(
            "--tenant", required=needed, help="whose; without it the installation's"
        )
        _add_own(name, command)
    return parser.parse_args(arguments)


def _add_own(name: str, command: argparse.ArgumentParser) -> None:
    match name:
        case "validate":
            command.add_argument("file", help="YAML or JSON; - is standard input")
            command.add_argument("--override", action="store_true", help="it is a tenant's")
            command.add_argument("--against", type=Path, help="the installation's document")
        case "create":
            command.add_argument("file", help="YAML or JSON; - is standard input")
        case "show":
            command.add_argument("version", nargs="?", type=_version_or_none)
        case "approve" | "activate":
            command.add_argument("version", type=_version)
        case "simulate":
            command.add_argument("file", help="a file, or the number of a version")
            command.add_argument("--since", type=_span, default=timedelta(days=7))
            command.add_argument("--limit", type=_jobs, default=10_000)
        case "ls":
            command.add_argument("--limit", type=_rows, default=50)
        case "lift":
            command.add_argument("end_user", help="as its jobs name it, or its pseudonym")
        case _:
            pass


def _version(text: str) -> int:
    return between(text, 1, 2_000_000_000, "a version's number")


def _version_or_none(text: str) -> int:
    return between(text, 0, 2_000_000_000, "a version's number, or 0 for genq's own")


def _rows(text: str) -> int:
    return between(text, 1, 1_000, "1 to 1000")


def _jobs(text: str) -> int:
    return between(text, 1, MOST_JOBS, f"1 to {MOST_JOBS}")


def _span(text: str) -> timedelta:
    try:
        return _SPAN.validate_python(text)
    except ValidationError:
        raise argparse.ArgumentTypeError(f"{text!r}: such as 15m, 4h or 7d") from None

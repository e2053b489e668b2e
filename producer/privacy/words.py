"""The words of `genq erase`, `export`, `retention`, `hold` and `keys rotate-data`."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from schemas.generation import Kind
from schemas.lanes import Lane


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return what was typed; a mistake ends with code 2."""
    parser = argparse.ArgumentParser(prog="genq", description="people's data")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_people(commands)
    _add_rules(commands)
    _add_holds(commands)
    rotation = commands.add_parser("rotate-data", help="new data keys")
    rotation.add_argument("--tenant", help="whose; else everybody's")
    for command in commands.choices.values():
        command.add_argument("--json", action="store_true", help="JSON, one object a line")
        command.add_argument("--quiet", action="store_true", help="no remarks")
        command.add_argument("--data-dir", type=Path, help="of a running genq up")
        command.add_argument("--embedded", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _add_people(commands: Any) -> None:
    erase = commands.add_parser("erase", help="erase a person")
    erase.add_argument("end_user")
    erase.add_argument("--tenant", required=True)
    export = commands.add_parser("export", help="export a person's data")
    export.add_argument("end_user")
    export.add_argument("--tenant", required=True)
    export.add_argument("--output", type=Path, help="a new file; else standard output")


def _add_rules(commands: Any) -> None:
    for name in ("ls", "set", "rm"):
        command = commands.add_parser(f"retention-{name}", help="how long content is kept")
        command.add_argument("--tenant", required=True)
        if name == "ls":
            continue
        command.add_argument("--lane", choices=[lane.value for lane in Lane])
        command.add_argument("--kind", choices=[kind.value for kind in Kind])
        if name == "set":
            command.add_argument("--prompt-hours", type=int, required=True)
            command.add_argument("--result-hours", type=int, required=True)


def _add_holds(commands: Any) -> None:
    listing = commands.add_parser("hold-ls", help="legal holds")
    listing.add_argument("--tenant")
    listing.add_argument("--released", action="store_true", help="with released ones")
    place = commands.add_parser("hold-place", help="keep what is meant, whatever is said")
    place.add_argument("--tenant", required=True)
    place.add_argument("--end-user")
    place.add_argument("--job")
    place.add_argument("--reason", required=True)
    release = commands.add_parser("hold-release", help="end a hold")
    release.add_argument("hold")

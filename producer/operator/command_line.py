"""The words that operators type: commands and flags, checked before anything is reached."""

import argparse
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from pydantic import ValidationError

from infra.fault_words import in_words
from infra.postgres.pauses import Scope
from schemas.tenant_plan import RATES, PlanChange, fits_as_name

# An attempt may take a quarter of an hour.
_DRAIN_SECONDS: Final = 1_800.0
_USAGE: Final = 2
_MOST_LISTED: Final = 1_000
_NONE: Final = "none"
_HOLDING: Final = {
    "pause": "release nothing more of it; what runs goes on",
    "resume": "release its jobs again",
    "drain": "pause it and wait until nothing of it runs",
}
# Field of PlanChange: what its flag means.
_PLAN: Final[Mapping[str, str]] = {
    "weight": "share among the tenants of a lane; 1000 is one ordinary share",
    "max_inflight": "most jobs at once in one lane",
    "max_inflight_total": "most jobs at once over all lanes; none: no such limit",
    **dict.fromkeys(RATES, "of all its jobs together; none: no such limit"),
}


class _Parser(argparse.ArgumentParser):
    """Tells a mistake in one line, as the rest of the command line does."""

    def error(self, message: str) -> NoReturn:
        sys.stderr.write(f"{self.prog}: {message}\nnext: {self.prog} --help\n")
        sys.exit(_USAGE)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return what was typed; ``change`` is a ``PlanChange``. A mistake ends with code 2."""
    parser = _Parser(prog="genq", description="act on an installation")
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
    commands.add_parser("lanes", help="the lanes: what waits, what is in flight")
    _add_watching(commands)
    change = _add_tenant_commands(commands)
    for command in commands.choices.values():
        command.add_argument("--json", action="store_true", help="one JSON object a line")
        command.add_argument("--quiet", action="store_true", help="no remarks")
        command.add_argument("--data-dir", type=Path, help="of a running genq up")
        command.add_argument("--embedded", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.command == "tenant-set":
        given.change = _change(change, given)
    return given


def _add_watching(commands: Any) -> None:
    top = commands.add_parser("top", help="all that moves, again and again")
    top.add_argument("--every", type=_seconds, default=1.0, help="seconds")
    top.add_argument("--once", action="store_true", help="one look")
    health = commands.add_parser("worker-health", prog="genq work health", help="is it alive")
    health.add_argument("--host", default=socket.gethostname(), help="this one, if not said")
    health.add_argument("--pid", type=int, help="else any worker of the host")


def _add_tenant_commands(commands: Any) -> argparse.ArgumentParser:
    """Add them, and return the one that changes a plan."""
    tenants = commands.add_parser("tenant-ls", prog="genq tenant ls", help="tenants")
    tenants.add_argument("prefix", nargs="?", default="", help="those that begin so")
    tenants.add_argument("--limit", type=_rows, default=100, help="1 to 1000")
    tenants.add_argument("--after", default="", help="those after this name")
    show = commands.add_parser("tenant-show", prog="genq tenant show", help="one tenant")
    change = commands.add_parser("tenant-set", prog="genq tenant set", help="change a plan")
    for command in (show, change):
        command.add_argument("name", help="such as acme")
    for field, what in _PLAN.items():
        change.add_argument(_flag(field), dest=field, metavar="N", help=what)
    change.add_argument("--create", action="store_true", help="make the tenant if need be")
    return change


def _change(parser: argparse.ArgumentParser, given: argparse.Namespace) -> PlanChange:
    told = {name: value for name in _PLAN if (value := getattr(given, name)) is not None}
    if given.create and not fits_as_name(given.name):
        parser.error(f"NAME: {given.name!r} is no name: 1 to 128 printable characters")
    if not told and not given.create:
        parser.error(f"nothing to change; give one of {', '.join(map(_flag, _PLAN))}")
    wanted = {name: _plan_value(text) for name, text in told.items()}
    try:
        return PlanChange.model_validate(wanted)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        parser.error("; ".join(_fault(str(f["loc"][0]), told, in_words(f)) for f in faults))


def _plan_value(text: str) -> int | str | None:
    """Return what was typed; what is no number is left to the plan to refuse."""
    if text.strip().lower() == _NONE:
        return None
    try:
        return int(text)
    except ValueError:
        return text


def _fault(field: str, told: Mapping[str, str], why: str) -> str:
    if told[field].strip().lower() == _NONE:
        return f"{_flag(field)}: every tenant has one; give a number"
    return f"{_flag(field)}: {why}, not {told[field]!r}"


def _flag(field: str) -> str:
    return f"--{field.replace('_', '-')}"


def _rows(text: str) -> int:
    rows = int(text)
    if not 1 <= rows <= _MOST_LISTED:
        raise argparse.ArgumentTypeError(f"{text}: 1 to {_MOST_LISTED}")
    return rows


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}: seconds, 0 or more")
    return seconds

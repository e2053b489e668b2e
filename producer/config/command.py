"""The two commands about settings: ``check`` asks all that they name, ``show`` prints them."""

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from infra.clock import SystemClock
from infra.postgres.engine import create_engine
from infra.setting_faults import PREFIX
from infra.settings import Origin, Settings
from infra.telemetry.logging import configure_logging
from producer.config.policies import judge, permissions
from producer.config.values import Value, values_of
from producer.doctor.database import look_at_database
from producer.doctor.examination import Look, examine
from producer.doctor.finding import Finding, Level, fine, wrong
from producer.doctor.model_servers import look_at_model_servers
from producer.doctor.reach import Installation, find
from producer.doctor.report import Report
from producer.doctor.servers import look_at_store, look_at_valkey, reach_broker
from producer.doctor.subject import Subject
from producer.operator.columns import print_columns
from producer.operator.screen import Screen
from schemas.errors import SettingsError

_WRONG: Final = 8
_LOOKS: Final[Mapping[str, Look]] = {
    "database": look_at_database,
    "broker": reach_broker,
    "valkey": look_at_valkey,
    "object_store": look_at_store,
    "model_servers": look_at_model_servers,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = _parse(arguments)
    try:
        found = find(given.data_dir, embedded=given.embedded)
        origins = found.origins()
    except SettingsError as error:
        return _cannot_tell(error.message, as_json=given.json)
    if given.command == "show":
        return _show(found, origins, given)
    return _check(found, origins, as_json=given.json)


def _show(found: Installation, origins: Mapping[str, Origin], given: argparse.Namespace) -> int:
    try:
        # What production would refuse is shown, too: that is why one looks.
        settings = found.settings(production=False)
    except SettingsError as error:
        return _cannot_tell(error.message, as_json=given.json)
    asked = settings.model_copy(update={"production": _production(found)})
    values = values_of(asked, origins)
    shown = [value for value in values if value.changed or not given.diff_default]
    screen = Screen(as_json=given.json)
    screen.show(("setting", "value", "from"), _rows(shown), [v.facts() for v in shown])
    if given.diff_default:
        screen.remark(f"{len(values) - len(shown)} others have their defaults")
    return 0


def _check(found: Installation, origins: Mapping[str, Origin], *, as_json: bool) -> int:
    report = Report(as_json=as_json)
    try:
        settings = found.settings()
    except SettingsError as error:
        for line in error.message.splitlines():
            report.add(_fault(line, origins))
        for finding in permissions(origins):
            report.add(finding)
        report.close(settings=[])
        return _WRONG
    values = values_of(settings, origins)
    if not as_json:
        print_columns(("setting", "value", "from"), _rows([v for v in values if v.changed]))
        same = sum(not value.changed for value in values)
        print(f"and {same} with their defaults: genq config show\n", flush=True)  # noqa: T201 - it is what the command prints
    report.add(fine("settings", "they are complete and do not contradict each other"))
    for finding in judge(settings, origins):
        report.add(finding)
    # What the parts log while they are looked at would only repeat the findings.
    quiet = settings.model_copy(update={"log_level": "error"})
    configure_logging(quiet, process="config", stream=sys.stderr.buffer)
    asyncio.run(_probe(settings, report))
    report.close(settings=[value.facts() for value in values])
    return _WRONG if report.counts[Level.ERROR] else 0


async def _probe(settings: Settings, report: Report) -> None:
    engine = create_engine(settings, process="config")
    nothing = timedelta(0)
    try:
        subject = Subject(settings, engine, SystemClock(), nothing, nothing)
        async for finding in examine(subject, _LOOKS):
            report.add(finding)
    finally:
        await engine.dispose()


def _fault(line: str, origins: Mapping[str, Origin]) -> Finding:
    """Return a wrong setting, with the place that it comes from."""
    name = line.partition(":")[0].partition(" ")[0]
    origin = origins.get(name.removeprefix(PREFIX).lower())
    value = Value(name, None, origin, changed=True) if origin is not None else None
    place = "" if value is None or value.source() == "default" else value.source()
    return wrong(
        "settings",
        f"{line} (from {place})" if place else line,
        "no process starts with these settings",
        "set it right there" if place else "set it; infra/README.md lists every setting",
    )


def _production(found: Installation) -> bool:
    try:
        return found.settings().production
    except SettingsError:
        return True


def _rows(values: Sequence[Value]) -> list[tuple[str, str, str]]:
    return [(value.name, value.text(), value.source()) for value in values]


def _cannot_tell(message: str, *, as_json: bool) -> int:
    if as_json:
        report = Report(as_json=True)
        for line in message.splitlines():
            report.add(_fault(line, {}))
        report.close(settings=[])
    else:
        sys.stderr.write(f"genq: {message}\nnext: genq config check\n")
    return _WRONG


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="genq config", description="look at the settings")
    commands: Any = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="ask everything that they name")
    show = commands.add_parser("show", help="print them")
    show.add_argument("--diff-default", action="store_true", help="only what was changed")
    for command in (check, show):
        command.add_argument("--json", action="store_true")
        command.add_argument("--data-dir", type=Path, help="of a running genq up")
        command.add_argument("--embedded", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)

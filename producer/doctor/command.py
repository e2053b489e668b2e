"""What the doctor is asked, and the exit code of its answer."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from infra.clock import SystemClock
from infra.postgres.engine import create_engine
from infra.settings import Settings
from infra.telemetry.logging import configure_logging
from producer.doctor.audit import PATIENCE
from producer.doctor.examination import examine
from producer.doctor.finding import Finding, Level, fine, wrong
from producer.doctor.reach import settings_of
from producer.doctor.report import Report
from producer.doctor.subject import Subject
from schemas.errors import SettingsError

_WRONG: Final = 1
_INTERRUPTED: Final = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Look, print what is found, and return the exit code."""
    given = _parse(arguments)
    report = Report(as_json=given.json)
    try:
        try:
            settings = settings_of(given.data_dir, embedded=given.embedded)
        except SettingsError as error:
            report.add(_unreadable(error))
        else:
            report.add(fine("settings", "they are complete and do not contradict each other"))
            # What the parts log while they are looked at would only repeat the findings.
            quiet = settings.model_copy(update={"log_level": "error"})
            configure_logging(quiet, process="doctor", stream=sys.stderr.buffer)
            asyncio.run(_look(settings, timedelta(hours=given.hours), report))
    except KeyboardInterrupt:
        return _INTERRUPTED
    report.close()
    return _WRONG if report.counts[Level.ERROR] else 0


async def _look(settings: Settings, span: timedelta, report: Report) -> None:
    engine = create_engine(settings, process="doctor")
    try:
        async for finding in examine(Subject(settings, engine, SystemClock(), span, PATIENCE)):
            report.add(finding)
    finally:
        await engine.dispose()


def _unreadable(error: SettingsError) -> Finding:
    return wrong(
        "settings",
        error.message,
        "no process starts with these settings",
        "set what is named here; infra/README.md lists every setting",
    )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="genq doctor", description="look for what is wrong")
    parser.add_argument("--json", action="store_true", help="one JSON object at the end")
    parser.add_argument("--hours", type=_hours, default=1.0, help="age of the jobs to audit")
    parser.add_argument("--data-dir", type=Path, help="of a running genq up")
    parser.add_argument("--embedded", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _hours(text: str) -> float:
    hours = float(text)
    if not 0 < hours <= 24 * 366:
        raise argparse.ArgumentTypeError(f"{text}: hours, above 0")
    return hours

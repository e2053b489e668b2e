"""Instants as they are typed and shown."""

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Final

import typer

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def read_instant(text: str | None, option: str) -> datetime | float | None:
    """Return what was typed: seconds from now, or an instant with its offset.

    Raises:
        typer.BadParameter: It is neither.
    """
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        pass
    else:
        if math.isfinite(seconds):
            return seconds
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise typer.BadParameter(
            f"{text!r} is no time; give seconds from now, or such as 2026-12-01T08:00Z.",
            param_hint=option,
        )
    return moment


def read_past(text: str | None, option: str) -> datetime | None:
    """Return an instant that is over: by name, or how long ago; without offset it is UTC.

    Raises:
        typer.BadParameter: It is neither.
    """
    if text is None:
        return None
    ago = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)([smhdw])", text, re.ASCII)
    try:
        if ago is not None:
            span = timedelta(**{_UNITS[ago[2]]: float(ago[1])})
            return datetime.now(UTC) - span  # noqa: TID251 - the command line imports no clock of ours
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{text!r} is not a time; such as 30m, 2h, 7d or 2026-12-01T08:00Z.",
            param_hint=option,
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def read_span(text: str | None, option: str) -> float | None:
    """Return a span in seconds: ``90``, or such as ``30m``, ``2h``, ``7d``.

    Raises:
        typer.BadParameter: It is neither.
    """
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,6})?)([smhdw]?)", text, re.ASCII)
    if found is None:
        raise typer.BadParameter(
            f"{text!r} is no span; such as 90, 30m, 2h or 7d.", param_hint=option
        )
    return timedelta(**{_UNITS[found[2] or "s"]: float(found[1])}).total_seconds()


def short(moment: datetime) -> str:
    """Return a moment as lists show it, such as ``20 Nov 10:00:00Z``."""
    return moment.astimezone(UTC).strftime("%d %b %H:%M:%SZ")

"""Instants as they are typed and shown."""

import math
from datetime import UTC, datetime

import typer


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


def short(moment: datetime) -> str:
    """Return a moment as lists show it, such as ``20 Nov 10:00:00Z``."""
    return moment.astimezone(UTC).strftime("%d %b %H:%M:%SZ")

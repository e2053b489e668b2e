"""When a recurring schedule is due: pure reckoning of cron expressions in time zones.

A slot is one instant at which a schedule is due. Clock changes follow Debian's cron: a time of
day that spring skips is made up for right after the gap, one that autumn repeats is due once;
expressions whose minute or hour begins with ``*`` go by elapsed time instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from schemas.errors import FieldError, InputError
from schemas.schedule import CatchUp

NICKNAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "@yearly": "0 0 1 1 *",
        "@annually": "0 0 1 1 *",
        "@monthly": "0 0 1 * *",
        "@weekly": "0 0 * * 0",
        "@daily": "0 0 * * *",
        "@midnight": "0 0 * * *",
        "@hourly": "0 * * * *",
    }
)

# A dispatcher that restarts, or a database that fails over, makes no slot a missed one.
GRACE: Final = timedelta(minutes=1)
# What a machine calls its own, and trees that count leap seconds: no names of places.
_NO_ZONES: Final = ("localtime", "posixrules", "Factory", "right/", "posix/")
_FIRST_WINDOW: Final = timedelta(minutes=2)
_WIDER: Final = 16


@dataclass(frozen=True, slots=True)
class Service:
    """What a due schedule calls for.

    Attributes:
        slot: The slot to submit a job for; ``None`` if none is to be served.
        missed: The latest slot that is passed over, if any is.
        next_at: When the schedule is due again; ``None`` if never.
    """

    slot: datetime | None
    missed: datetime | None
    next_at: datetime | None


def next_slot(cron: str, timezone: str, after: datetime) -> datetime | None:
    """Return the first slot later than ``after``, in UTC; ``None`` if there is none.

    Raises:
        InputError: The expression or the zone is wrong; the field is named.
    """
    zone = _zone(timezone)
    try:
        slots = CronSim(NICKNAMES.get(cron.lower(), cron), after.astimezone(zone))
        for slot in slots:
            due = slot.astimezone(UTC)
            # Where autumn repeats an hour, cronsim names its first pass from within the second.
            if due > after:
                return due
    except CronSimError as error:
        raise _refusal("/cron", f"{cron!r} is no cron expression: {_said(error)}") from None
    return None


def decide(
    cron: str, timezone: str, catch_up: CatchUp, *, due: datetime, now: datetime
) -> Service:
    """Decide which slot of a due schedule is served.

    A slot is missed when it is older than ``GRACE``. However many were missed, at most the
    latest one is made up for.

    Args:
        cron: The expression.
        timezone: The IANA name of its zone.
        catch_up: What becomes of missed slots.
        due: The slot that has come, not later than ``now``.
        now: PostgreSQL's time.

    Raises:
        InputError: The expression or the zone is wrong.
    """
    if now - due <= GRACE:
        return Service(due, None, next_slot(cron, timezone, due))
    latest = _latest(cron, timezone, due, now)
    if now - latest <= GRACE:
        # The slots before it within the grace are passed over with the others.
        missed = due if latest > due else None
        return Service(latest, missed, next_slot(cron, timezone, latest))
    following = next_slot(cron, timezone, latest)
    if catch_up is CatchUp.SKIP:
        return Service(None, latest, following)
    return Service(latest, None, following)


def _latest(cron: str, timezone: str, due: datetime, now: datetime) -> datetime:
    """Return the last slot that is not after ``now``, looking back no further than needed."""
    window = _FIRST_WINDOW
    while (start := now - window) > due:
        slot = next_slot(cron, timezone, start)
        if slot is not None and slot <= now:
            due = slot
            break
        window *= _WIDER
    while True:
        following = next_slot(cron, timezone, due)
        if following is None or following > now:
            return due
        due = following


def _zone(name: str) -> ZoneInfo:
    if not name.startswith(_NO_ZONES):
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
    raise _refusal("/timezone", f"{name!r} is no IANA time zone such as Europe/Berlin")


def _refusal(pointer: str, message: str) -> InputError:
    return InputError(message, fields=[FieldError(pointer, message)])


def _said(error: CronSimError) -> str:
    return str(error)[:1].lower() + str(error)[1:]

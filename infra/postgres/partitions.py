"""Weekly partitions of the ledger: made ahead of time, dropped when their jobs have expired.

A week begins on Monday, 00:00 UTC. Its keys are the UUIDv7 values of its milliseconds, so a
look-up by id reads one partition. Retention drops a week at once instead of deleting rows.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.feed import keep_floors
from schemas.tables.metadata import PARTITIONED

_WEEK: Final = timedelta(weeks=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Any constant will do, as long as every process uses the same one.
_LOCK: Final = 0x67_65_6E_71_70_61_72_74
_LOCK_NOT_AVAILABLE: Final = "55P03"

_EXISTING: Final = text("""
SELECT child.relname FROM pg_inherits
  JOIN pg_class child ON child.oid = inhrelid
 WHERE inhparent = ANY(CAST(:parents AS regclass[]))
""")
# One statement, so one snapshot: a job that ends meanwhile is seen in live or in delivery.
_IN_USE: Final = text("""
SELECT EXISTS (SELECT 1 FROM live WHERE job_id >= :low AND job_id < :high)
    OR EXISTS (SELECT 1 FROM delivery WHERE job_id >= :low AND job_id < :high)
    OR EXISTS (SELECT 1 FROM delivery WHERE event_id >= :low AND event_id < :high)
    OR EXISTS (SELECT 1 FROM batch WHERE status < 10 AND id < :high)
    OR EXISTS (SELECT 1 FROM legal_hold h WHERE h.released_at IS NULL AND (
      h.job_id >= :low AND h.job_id < :high OR h.job_id IS NULL AND EXISTS (
        SELECT 1 FROM job j WHERE j.tenant_id = h.tenant_id AND j.id >= :low AND j.id < :high)))
""")


def week_of(moment: datetime) -> datetime:
    """Return the Monday, 00:00 UTC, on or before ``moment``."""
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday())


def first_key(moment: datetime) -> UUID:
    """Return the lowest key of ``moment``'s millisecond, below every UUIDv7 made then.

    Before 1970 there were none: it is the lowest of all.
    """
    return UUID(int=max(0, (moment - _EPOCH) // timedelta(milliseconds=1)) << 80)


def partition_name(table: str, week: datetime) -> str:
    """Return the name of the partition of ``table`` that begins at ``week``."""
    return f"{table}_p{week:%Y%m%d}"


async def ensure_partitions(
    connection: AsyncConnection, *, now: datetime, ahead: timedelta
) -> list[str]:
    """Make the partitions of last week and of every week that ``now + ahead`` reaches.

    Last week too: an id made just before midnight may arrive after it.

    Returns:
        The names of the partitions that were missing, and exist when the caller commits.
    """
    if not await _missing(connection, now, ahead):
        return []
    # Another process may make the same ones: whoever comes second looks again.
    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    made: list[str] = []
    for table, week in await _missing(connection, now, ahead):
        name = partition_name(table, week)
        low, high = first_key(week), first_key(week + _WEEK)
        # Attaching a finished table does not stop the readers and writers of the others;
        # CREATE TABLE … PARTITION OF would.
        await connection.execute(text(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)"))
        await connection.execute(
            text(
                f"ALTER TABLE {table} ATTACH PARTITION {name}"
                f" FOR VALUES FROM ('{low}') TO ('{high}')"
            )
        )
        made.append(name)
    return made


async def drop_partitions_before(connection: AsyncConnection, *, before: datetime) -> list[str]:
    """Drop every week that ended at or before ``before``, unless it is still needed.

    A week stays, and is logged as ``partitions_kept``, while one of its jobs is unfinished, is
    a line of a batch that is, or owes a delivery, and while other transactions keep its tables
    busy.

    Returns:
        The names of the partitions that are gone when the caller commits.
    """
    existing = await _existing(connection)
    weeks = sorted({name.rpartition("_p")[2] for name in existing})
    dropped: list[str] = []
    for day in weeks:
        week = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)
        if week + _WEEK > before:
            break
        keys = {"low": first_key(week), "high": first_key(week + _WEEK)}
        if (await connection.execute(_IN_USE, keys)).scalar_one():
            reason = "unfinished jobs or batches, deliveries or legal holds"
            _log().warning("partitions_kept", week=day, reason=reason)
            continue
        names = sorted(existing & {partition_name(table, week) for table in PARTITIONED})
        if await _drop(connection, names):
            dropped.extend(names)
        else:
            _log().warning("partitions_kept", week=day, reason="busy")
    return dropped


async def _drop(connection: AsyncConnection, names: list[str]) -> bool:
    """Drop the tables, or none of them if that would hold up the running system."""
    try:
        async with connection.begin_nested():
            # Below deadlock_timeout: in a tie with FINISH it is us who step back.
            await connection.execute(text("SET LOCAL lock_timeout = '500ms'"))
            for name in names:
                if name.startswith("outbox_p"):
                    await keep_floors(connection, name)
            await connection.execute(text(f"DROP TABLE {', '.join(names)}"))
            await connection.execute(text("SET LOCAL lock_timeout = DEFAULT"))
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        return False
    return True


async def _missing(
    connection: AsyncConnection, now: datetime, ahead: timedelta
) -> list[tuple[str, datetime]]:
    existing = await _existing(connection)
    return [
        (table, week)
        for week in _weeks(now, ahead)
        for table in PARTITIONED
        if partition_name(table, week) not in existing
    ]


async def _existing(connection: AsyncConnection) -> set[str]:
    rows = await connection.execute(_EXISTING, {"parents": list(PARTITIONED)})
    return set(rows.scalars())


def _weeks(now: datetime, ahead: timedelta) -> Iterator[datetime]:
    week = week_of(now) - _WEEK
    while week <= now + ahead:
        yield week
        week += _WEEK


def _log() -> structlog.stdlib.BoundLogger:
    return structlog.get_logger(__name__)

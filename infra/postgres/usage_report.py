"""What was used, added up: hours, and the entries that are not added to theirs yet.

One statement reads both, so that an entry counts once, wherever it is at that moment.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.usage import COUNTS
from schemas.usage import Group, Interval, Span, Used

# Every key is a text, ordered by its bytes: that is what cursors are compared with.
_KEYS: Final[Mapping[Group, str]] = {
    Group.MODEL: "u.model",
    Group.ASKED: "u.asked",
    Group.KIND: "CAST(u.kind AS text)",
    Group.LANE: "CAST(u.lane AS text)",
    Group.END_USER: "u.end_user",
    Group.BATCH: "CAST(u.batch_id AS text)",
    Group.CACHED: "CAST(u.cached AS text)",
    Group.SERVER: "u.server",
    Group.TENANT: "(SELECT t.name FROM tenant t WHERE t.id = u.tenant_id)",
}
_START: Final = (
    "to_char(date_trunc('{interval}', u.at, 'UTC') AT TIME ZONE 'UTC',"
    # A colon would begin a bind.
    ' \'YYYY-MM-DD"T"HH24\\:00\\:00"Z"\')'
)
_OF_ONE: Final = "u.tenant_id = :tenant_id AND u.at >= :since AND u.at < :until"
_OF_ALL: Final = "u.at >= :since AND u.at < :until"
_READ: Final = """
SELECT {outer} FROM (
  SELECT {inner} FROM usage_hour u WHERE {where}
  UNION ALL
  SELECT {inner} FROM usage_entry u WHERE {where}) x
{behind}
"""


async def read_usage(
    connection: AsyncConnection,
    tenant_id: int | None,
    span: Span,
    *,
    interval: Interval,
    groups: Sequence[Group],
    after: Sequence[str] | None,
    limit: int,
) -> list[Used]:
    """Return rows in the order of their keys, from behind ``after``.

    Args:
        connection: One statement is a transaction of its own.
        tenant_id: Whose; ``None``: everybody's.
        span: Which hours.
        interval: How long a row's time is.
        groups: What rows are told apart by, in the order of ``Group``.
        after: The keys of the row before; as many as there are.
        limit: The most rows.
    """
    keys = _keys(interval, groups)
    names = [f"k{place}" for place in range(len(keys))]
    inner = [f'{key} COLLATE "C" AS {name}' for key, name in zip(keys, names, strict=True)]
    values: dict[str, object] = {"limit": limit}
    behind = ""
    if after is not None:
        values |= {f"a{place}": key for place, key in enumerate(after)}
        cursor = ", ".join(f"CAST(:a{place} AS text)" for place in range(len(after)))
        behind = f"WHERE ROW({', '.join(names)}) > ROW({cursor})"
    if names:
        listed = ", ".join(names)
        behind += f" GROUP BY {listed} ORDER BY {listed} LIMIT :limit"
    statement = _statement(names, inner, behind, of_all=tenant_id is None)
    rows = await connection.execute(statement, values | _values(tenant_id, span))
    return [
        Used(
            tuple(str(getattr(row, name)) for name in names),
            {name: int(getattr(row, name)) for name in COUNTS},
        )
        for row in rows
        if names or row.jobs is not None
    ]


async def sum_usage(
    connection: AsyncConnection, tenant_id: int | None, span: Span
) -> dict[str, int]:
    """Return the sums of all that was used in these hours."""
    statement = _statement((), (), "", of_all=tenant_id is None)
    row = (await connection.execute(statement, _values(tenant_id, span))).one()
    return {name: int(getattr(row, name) or 0) for name in COUNTS}


def _keys(interval: Interval, groups: Sequence[Group]) -> list[str]:
    time = [] if interval is Interval.TOTAL else [_START.format(interval=interval.value)]
    return [*time, *(_KEYS[group] for group in groups)]


def _statement(
    names: Sequence[str], keys: Sequence[str], behind: str, *, of_all: bool
) -> TextClause:
    sums = [f"sum({name}) AS {name}" for name in COUNTS]
    return text(
        _READ.format(
            outer=", ".join((*names, *sums)),
            inner=", ".join((*keys, *(f"u.{name}" for name in COUNTS))),
            where=_OF_ALL if of_all else _OF_ONE,
            behind=behind,
        )
    )


def _values(tenant_id: int | None, span: Span) -> dict[str, object]:
    values: dict[str, object] = {"since": span.since, "until": span.until}
    return values if tenant_id is None else values | {"tenant_id": tenant_id}

"""The books of tenants that have budgets: what is reserved by live jobs, and what was spent.

Whoever changes a tenant's books holds its lock (``lock_books``), taken before every row lock.
The end of a job takes no lock that others wait for: it writes what was spent into the job's own
row of ``reservation`` (``finish.py``, ``withdraw.py``), and ``balance_books`` moves such rows
over to ``budget_use``. What a tenant has used is therefore ``budget_use`` and what its settled
rows add to it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.budget import EACH_USER, PERIODS, TENANT_ITSELF, UNITS, Budget, OnExhausted

# Class of the advisory locks: "gqbk".
_LOCKS: Final = 0x67716B
# A flood of ends is moved over in parts, so that no submit waits for all of it.
_MOST_MOVED: Final = 10_000

UseKey = tuple[int, str, int, int, date]
"""Tenant, spender, unit, period, first day: the key of ``budget_use``."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """What one job holds back.

    Attributes:
        end_user: Whose use is counted beside the tenant's; ``''`` for nobody's.
        day: The day that it counts for.
    """

    job_id: UUID
    tenant_id: int
    end_user: str
    day: date
    money: int
    images: int
    tokens: int
    downgraded: bool = False
    parked: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """A job that was written before, and how."""

    created_at: datetime
    lane: int
    run_at: datetime | None
    downgraded: bool
    parked: bool


# hashint8: the lock's second half has 32 bits; tenants that share one only wait for each other.
_LOCK: Final = text("""
SELECT pg_advisory_xact_lock(:locks, key) FROM (
  SELECT DISTINCT hashint8(id) AS key FROM unnest(CAST(:tenants AS bigint[])) AS t(id)
  ORDER BY key) keys
""")

# A row of reservation as it counts in budget_use: for the tenant and, if told, the end user; in
# each unit; in its day and its month. Units that it does not touch have no rows.
_SPREAD: Final = """
  SELECT x.tenant_id, u.end_user, n.unit, p.period, p.starts_on,
    sum(n.spent) AS spent, sum(n.reserved) AS reserved
  FROM x
  CROSS JOIN LATERAL (SELECT '' AS end_user UNION SELECT x.end_user) u
  CROSS JOIN LATERAL (VALUES
    (CAST(1 AS smallint), COALESCE(x.spent_money, 0), {sign} x.money),
    (CAST(2 AS smallint), COALESCE(x.spent_images, 0), {sign} x.images),
    (CAST(3 AS smallint), COALESCE(x.spent_tokens, 0), {sign} x.tokens))
    AS n(unit, spent, reserved)
  CROSS JOIN LATERAL (VALUES (CAST(1 AS smallint), x.day),
    (CAST(2 AS smallint), CAST(date_trunc('month', CAST(x.day AS timestamp)) AS date)))
    AS p(period, starts_on)
  WHERE n.spent <> 0 OR n.reserved <> 0
  GROUP BY 1, 2, 3, 4, 5
"""

_ENTER: Final = """
INSERT INTO budget_use AS b (tenant_id, end_user, unit, period, starts_on, spent, reserved)
SELECT * FROM delta ORDER BY 1, 2, 3, 4, 5
ON CONFLICT (tenant_id, end_user, unit, period, starts_on) DO UPDATE SET
  spent = b.spent + excluded.spent, reserved = b.reserved + excluded.reserved
"""

_BALANCE: Final = text(f"""
WITH x AS (
  DELETE FROM reservation WHERE job_id IN (
    SELECT job_id FROM reservation
    WHERE tenant_id = ANY (CAST(:tenants AS bigint[])) AND spent_money IS NOT NULL LIMIT :most)
  RETURNING *),
delta AS ({_SPREAD.format(sign="-")})
{_ENTER}
""")

_RESERVE: Final = text(f"""
WITH x AS (
  INSERT INTO reservation (job_id, tenant_id, end_user, day, money, images, tokens, downgraded,
    parked)
  SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:tenants AS bigint[]),
    CAST(:users AS text[]), CAST(:days AS date[]), CAST(:money AS bigint[]),
    CAST(:images AS bigint[]), CAST(:tokens AS bigint[]), CAST(:downgraded AS boolean[]),
    CAST(:parked AS boolean[]))
  RETURNING *),
l AS (UPDATE live SET budgeted = true FROM x WHERE live.job_id = x.job_id),
delta AS ({_SPREAD.format(sign="")})
{_ENTER}
""")

_UNBALANCED: Final = text(
    "SELECT DISTINCT tenant_id FROM reservation WHERE spent_money IS NOT NULL"
)

_BUDGETS: Final = text("""
SELECT tenant_id, end_user, unit, period, amount, on_exhausted FROM budget
WHERE tenant_id = ANY (CAST(:tenants AS bigint[])) AND end_user = ANY (CAST(:users AS text[]))
ORDER BY tenant_id, end_user, unit, period
""")

_EVERY_BUDGET: Final = text("""
SELECT tenant_id, end_user, unit, period, amount, on_exhausted FROM budget
WHERE tenant_id = :tenant ORDER BY end_user, unit, period
""")

_USED: Final = text("""
SELECT b.tenant_id, b.end_user, b.unit, b.period, b.starts_on, b.spent, b.reserved
FROM budget_use b JOIN unnest(CAST(:tenants AS bigint[]), CAST(:users AS text[]))
  AS x(tenant_id, end_user) ON x.tenant_id = b.tenant_id AND x.end_user = b.end_user
WHERE b.starts_on >= :since
""")

# With what is settled and was not moved over yet.
_STANDING: Final = text(f"""
WITH x AS (
  SELECT * FROM reservation WHERE tenant_id = :tenant AND spent_money IS NOT NULL),
delta AS ({_SPREAD.format(sign="-")})
SELECT end_user, unit, period, starts_on, CAST(sum(spent) AS bigint) AS spent,
  CAST(sum(reserved) AS bigint) AS reserved
FROM (
  SELECT end_user, unit, period, starts_on, spent, reserved FROM budget_use
  WHERE tenant_id = :tenant AND starts_on >= :since AND end_user = ANY (CAST(:users AS text[]))
  UNION ALL
  SELECT end_user, unit, period, starts_on, spent, reserved FROM delta
  WHERE starts_on >= :since AND end_user = ANY (CAST(:users AS text[]))) both_parts
GROUP BY end_user, unit, period, starts_on
""")

_NOW: Final = text("SELECT now() AS at")

_WRITTEN: Final = text("""
SELECT j.id, j.created_at, j.lane, l.run_at, COALESCE(r.downgraded, false) AS downgraded,
  COALESCE(r.parked, false) AS parked
FROM job j LEFT JOIN live l ON l.job_id = j.id LEFT JOIN reservation r ON r.job_id = j.id
WHERE j.id = ANY (CAST(:ids AS uuid[]))
""")

_KEYS: Final = text("""
SELECT tenant_id, key FROM idempotency JOIN unnest(
  CAST(:tenants AS bigint[]), CAST(:keys AS text[])) AS x(tenant_id, key) USING (tenant_id, key)
""")


async def lock_books(connection: AsyncConnection, tenants: Collection[int]) -> None:
    """Keep the books of these tenants to this transaction, until it ends.

    Args:
        connection: A transaction of isolation READ COMMITTED that holds no row lock yet:
            others lock in the same order.
        tenants: Whose books.
    """
    await connection.execute(_LOCK, {"locks": _LOCKS, "tenants": sorted(set(tenants))})


async def balance_books(connection: AsyncConnection, tenants: Collection[int]) -> None:
    """Move what is settled over to ``budget_use``; the books are locked."""
    await connection.execute(_BALANCE, {"tenants": list(tenants), "most": _MOST_MOVED})


async def unbalanced(connection: AsyncConnection) -> list[int]:
    """Return the tenants whose books have settled rows to move over."""
    return list((await connection.execute(_UNBALANCED)).scalars())


async def reserve(connection: AsyncConnection, held: Sequence[Reservation]) -> None:
    """Hold back what jobs may take that this transaction inserted; the books are locked."""
    if not held:
        return
    await connection.execute(
        _RESERVE,
        {
            "ids": [r.job_id for r in held],
            "tenants": [r.tenant_id for r in held],
            "users": [r.end_user for r in held],
            "days": [r.day for r in held],
            "money": [r.money for r in held],
            "images": [r.images for r in held],
            "tokens": [r.tokens for r in held],
            "downgraded": [r.downgraded for r in held],
            "parked": [r.parked for r in held],
        },
    )


async def budgets_for(
    connection: AsyncConnection, spenders: Collection[tuple[int, str]]
) -> dict[int, list[Budget]]:
    """Return each tenant's own budgets, those of each user, and those of the named users."""
    users = {TENANT_ITSELF, EACH_USER} | {user for _, user in spenders}
    rows = await connection.execute(
        _BUDGETS, {"tenants": sorted({t for t, _ in spenders}), "users": sorted(users)}
    )
    found: dict[int, list[Budget]] = {}
    for row in rows:
        found.setdefault(row.tenant_id, []).append(_budget(row))
    return found


async def budgets_of(connection: AsyncConnection, tenant_id: int) -> list[Budget]:
    """Return all budgets of a tenant."""
    rows = await connection.execute(_EVERY_BUDGET, {"tenant": tenant_id})
    return [_budget(row) for row in rows]


async def used_by(
    connection: AsyncConnection, spenders: Collection[tuple[int, str]], since: date
) -> dict[UseKey, int]:
    """Return what is spent and reserved, per period that begins at ``since`` or later."""
    pairs = sorted(spenders)
    rows = await connection.execute(
        _USED,
        {
            "tenants": [t for t, _ in pairs],
            "users": [user for _, user in pairs],
            "since": since,
        },
    )
    return {
        (r.tenant_id, r.end_user, r.unit, r.period, r.starts_on): r.spent + r.reserved
        for r in rows
    }


async def standing_of_books(
    connection: AsyncConnection, tenant_id: int, users: Collection[str], since: date
) -> dict[UseKey, tuple[int, int]]:
    """Return what is spent and what is reserved, exactly, without a lock."""
    rows = await connection.execute(
        _STANDING, {"tenant": tenant_id, "users": sorted(users), "since": since}
    )
    return {
        (tenant_id, r.end_user, r.unit, r.period, r.starts_on): (r.spent, r.reserved)
        for r in rows
    }


async def time_of(connection: AsyncConnection) -> datetime:
    """Return PostgreSQL's time at the begin of the transaction."""
    return (await connection.execute(_NOW)).scalar_one()


async def written_before(
    connection: AsyncConnection, ids: Sequence[UUID]
) -> dict[UUID, Written]:
    """Return which of these jobs are there: an earlier commit's answer was lost."""
    rows = await connection.execute(_WRITTEN, {"ids": list(ids)})
    return {r.id: Written(r.created_at, r.lane, r.run_at, r.downgraded, r.parked) for r in rows}


async def keys_in_use(
    connection: AsyncConnection, keys: Collection[tuple[int, str]]
) -> set[tuple[int, str]]:
    """Return which of these idempotency keys, each with its tenant, are taken."""
    if not keys:
        return set()
    pairs = sorted(keys)
    rows = await connection.execute(
        _KEYS, {"tenants": [t for t, _ in pairs], "keys": [key for _, key in pairs]}
    )
    return {(row.tenant_id, row.key) for row in rows}


def _budget(row: Any) -> Budget:
    return Budget(
        row.end_user,
        UNITS[row.unit],
        PERIODS[row.period],
        row.amount,
        OnExhausted(row.on_exhausted),
    )

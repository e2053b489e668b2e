"""Setting budgets: by tenant name, as operators know it."""

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.budgets import budgets_of, lock_books
from schemas.budget import Budget, BudgetPeriod, BudgetUnit

_FIND: Final = text("SELECT id FROM tenant WHERE name = :name")
_PUT: Final = text("""
INSERT INTO budget (tenant_id, end_user, unit, period, amount, on_exhausted)
VALUES (:tenant, :end_user, :unit, :period, :amount, :on_exhausted)
ON CONFLICT (tenant_id, end_user, unit, period) DO UPDATE SET
  amount = excluded.amount, on_exhausted = excluded.on_exhausted
""")
_DELETE: Final = text("""
DELETE FROM budget WHERE tenant_id = :tenant AND end_user = :end_user
  AND (CAST(:unit AS smallint) IS NULL OR unit = :unit)
  AND (CAST(:period AS smallint) IS NULL OR period = :period)
""")
_MARK: Final = text("UPDATE tenant SET budgeted = :budgeted WHERE id = :tenant")


async def find_tenant_id(connection: AsyncConnection, name: str) -> int | None:
    """Return the number of the tenant called ``name``."""
    return (await connection.execute(_FIND, {"name": name})).scalar_one_or_none()


async def put_budget(connection: AsyncConnection, tenant_id: int, wanted: Budget) -> None:
    """Make a budget, or change what it was."""
    await lock_books(connection, [tenant_id])
    await connection.execute(
        _PUT,
        {
            "tenant": tenant_id,
            "end_user": wanted.end_user,
            "unit": wanted.unit.number,
            "period": wanted.period.number,
            "amount": wanted.amount,
            "on_exhausted": wanted.on_exhausted.value,
        },
    )
    await connection.execute(_MARK, {"tenant": tenant_id, "budgeted": True})


async def delete_budgets(
    connection: AsyncConnection,
    tenant_id: int,
    *,
    end_user: str,
    unit: BudgetUnit | None = None,
    period: BudgetPeriod | None = None,
) -> int:
    """Delete a tenant's budgets that fit; return how many. Without any it is free again."""
    await lock_books(connection, [tenant_id])
    gone = await connection.execute(
        _DELETE,
        {
            "tenant": tenant_id,
            "end_user": end_user,
            "unit": unit.number if unit else None,
            "period": period.number if period else None,
        },
    )
    left = await budgets_of(connection, tenant_id)
    await connection.execute(_MARK, {"tenant": tenant_id, "budgeted": bool(left)})
    return gone.rowcount

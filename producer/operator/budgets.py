"""Budgets as operators and tenants look at them, and as operators set them."""

from collections.abc import Sequence
from datetime import UTC

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.postgres.budget_plans import delete_budgets, find_tenant_id, put_budget
from infra.postgres.budgets import budgets_of, standing_of_books, time_of
from infra.postgres.engine import transaction
from producer.budget_verdict import limits_of
from producer.operator.targets import unknown_tenant
from schemas.budget import EACH_USER, Budget, BudgetPeriod, BudgetUnit, Spending
from schemas.errors import NotFoundError


async def tenant_id_of(connection: AsyncConnection, name: str) -> int:
    """Return the number of the tenant called ``name``.

    Raises:
        NotFoundError: There is none; close names are told.
    """
    found = await find_tenant_id(connection, name)
    if found is None:
        raise await unknown_tenant(connection, name)
    return found


async def spending_of(
    connection: AsyncConnection, tenant_id: int, end_user: str | None = None
) -> list[Spending]:
    """Return the budgets of a tenant and how they stand now.

    Args:
        connection: To read with.
        tenant_id: Whose.
        end_user: Only those that hold for this end user, the tenant's own among them.
    """
    budgets = await budgets_of(connection, tenant_id)
    if end_user is not None:
        budgets = limits_of(budgets, end_user)
    today = (await time_of(connection)).astimezone(UTC).date()
    named = [(budget, _spender(budget, end_user)) for budget in budgets]
    books = await standing_of_books(
        connection, tenant_id, {spender for _, spender in named}, today.replace(day=1)
    )
    found: list[Spending] = []
    for budget, spender in named:
        start = budget.period.start_of(today)
        key = (tenant_id, spender, budget.unit.number, budget.period.number, start)
        found.append(Spending(budget, spender, start, *books.get(key, (0, 0))))
    return found


async def set_budgets(
    engine: AsyncEngine, name: str, budgets: Sequence[Budget]
) -> list[Spending]:
    """Make or change budgets of a tenant; return all that it has now.

    Processes that have just looked up a key go on for some seconds by what they know.

    Raises:
        NotFoundError: There is no such tenant.
    """
    async with transaction(engine) as connection:
        tenant_id = await tenant_id_of(connection, name)
        for budget in budgets:
            await put_budget(connection, tenant_id, budget)
        return await spending_of(connection, tenant_id)


async def drop_budgets(
    engine: AsyncEngine,
    name: str,
    *,
    end_user: str = "",
    unit: BudgetUnit | None = None,
    period: BudgetPeriod | None = None,
) -> list[Spending]:
    """Delete those budgets of one spender that fit; return what is left.

    Raises:
        NotFoundError: There is no such tenant, or nothing fits.
    """
    async with transaction(engine) as connection:
        tenant_id = await tenant_id_of(connection, name)
        gone = await delete_budgets(
            connection, tenant_id, end_user=end_user, unit=unit, period=period
        )
        if not gone:
            raise NotFoundError(f"tenant {name!r} has no such budget")
        return await spending_of(connection, tenant_id)


def _spender(budget: Budget, end_user: str | None) -> str:
    if budget.end_user == EACH_USER:
        return end_user or EACH_USER
    return budget.end_user

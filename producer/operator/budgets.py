"""Budgets as operators and tenants look at them, and as operators set them."""

from collections.abc import Sequence
from datetime import UTC

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.audit_actor import record
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


async def change_budgets(
    engine: AsyncEngine,
    name: str,
    *,
    setting: Sequence[Budget] = (),
    dropping: Sequence[tuple[BudgetUnit | None, BudgetPeriod | None]] = (),
    end_user: str = "",
) -> list[Spending]:
    """Make, change and delete budgets of a tenant, all or none; return those it has then.

    Processes that have just looked up a key go on for some seconds by what they know.

    Args:
        engine: Whole transactions.
        name: Of the tenant.
        setting: What is to be.
        dropping: Unit and period of what is not to be any more; ``None`` is any.
        end_user: Whose budgets ``dropping`` means.

    Raises:
        NotFoundError: There is no such tenant, or none of its budgets fits what is to go.
    """
    async with transaction(engine) as connection:
        tenant_id = await tenant_id_of(connection, name)
        for budget in setting:
            await put_budget(connection, tenant_id, budget)
            await record(connection, tenant_id, "budget.set", f"tenant {name}", _detail(budget))
        for unit, period in dropping:
            gone = await delete_budgets(
                connection, tenant_id, end_user=end_user, unit=unit, period=period
            )
            if not gone:
                raise NotFoundError(_missing(name, end_user, unit, period))
            what = {"end_user": end_user, "unit": unit, "period": period}
            await record(connection, tenant_id, "budget.deleted", f"tenant {name}", what)
        return await spending_of(connection, tenant_id)


def _detail(budget: Budget) -> dict[str, str | int]:
    return {
        "end_user": budget.end_user,
        "unit": budget.unit,
        "period": budget.period,
        "amount": budget.amount,
        "on_exhausted": budget.on_exhausted,
    }


def _missing(
    name: str, end_user: str, unit: BudgetUnit | None, period: BudgetPeriod | None
) -> str:
    whose = f" of end user {end_user!r}" if end_user else ""
    which = f" of {unit.value}" if unit else ""
    when = f" per {period.value}" if period else ""
    return f"tenant {name!r} has no budget{whose}{which}{when}; nothing was changed"


def _spender(budget: Budget, end_user: str | None) -> str:
    if budget.end_user == EACH_USER:
        return end_user or EACH_USER
    return budget.end_user

"""What `genq tenant budget` does, from what was typed to what is printed."""

import argparse
from collections.abc import Sequence
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.postgres.engine import transaction
from producer.operator import budgets
from producer.operator.budget_words import BudgetsWanted
from producer.operator.screen import Screen
from producer.operator.who import operator
from schemas.budget import Spending, budget_view, in_words
from schemas.job import iso_ms

_HEADINGS: Final = (
    "end user", "unit", "per", "amount", "spent", "reserved", "left", "then", "anew at",
)  # fmt: skip
_DASH: Final = "-"

_log: Final = structlog.get_logger()


async def run_budgets(given: argparse.Namespace, engine: AsyncEngine, screen: Screen) -> None:
    """Set what is wanted of a tenant's budgets, and print all that it has.

    Raises:
        NotFoundError: There is no such tenant, or no such budget to take away.
    """
    wanted: BudgetsWanted = given.wanted
    if wanted.setting or wanted.dropping:
        found = await budgets.change_budgets(
            engine,
            given.name,
            setting=wanted.setting,
            dropping=wanted.dropping,
            end_user=wanted.end_user,
        )
        _log.info(
            "budgets_changed",
            operator=operator(),
            tenant=given.name,
            set=[f"{b.unit.value} per {b.period.value}" for b in wanted.setting],
            dropped=[f"{unit.value} per {period.value}" for unit, period in wanted.dropping],
        )
    else:
        async with transaction(engine) as connection:
            owner = await budgets.tenant_id_of(connection, given.name)
            asked = given.end_user or None
            found = await budgets.spending_of(connection, owner, asked)
    _show(screen, found, given.name)


def _show(screen: Screen, found: Sequence[Spending], tenant: str) -> None:
    if not found:
        screen.remark(f"tenant {tenant} has no budget: it may spend what it likes")
        screen.remark(f"next: genq tenant budget {tenant} --images-per-day 100")
        return
    screen.show(
        _HEADINGS,
        [_row(one) for one in found],
        [{"tenant": tenant, **budget_view(one)} for one in found],
    )


def _row(one: Spending) -> tuple[str, ...]:
    budget, unit = one.budget, one.budget.unit
    amounts = (
        in_words(unit, amount) if one.known else _DASH
        for amount in (one.spent, one.reserved, one.left)
    )
    return (
        budget.end_user or _DASH,
        unit.value,
        budget.period.value,
        in_words(unit, budget.amount),
        *amounts,
        budget.on_exhausted.value,
        iso_ms(one.resets_at),
    )

"""The words of `genq tenant budget`: amounts per unit and period, checked beforehand."""

import argparse
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from infra.fault_words import in_words
from producer.operator.typed import flag
from schemas.budget import (
    EACH_USER,
    TENANT_ITSELF,
    Budget,
    BudgetBody,
    BudgetPeriod,
    BudgetUnit,
    OnExhausted,
)

_NONE: Final = "none"
_AMOUNTS: Final = {
    f"{unit.value}_per_{period.value}": (unit, period)
    for unit in BudgetUnit
    for period in BudgetPeriod
}


@dataclass(frozen=True, slots=True)
class BudgetsWanted:
    """What is to be set, and what is to be taken away, of one spender."""

    end_user: str
    setting: tuple[Budget, ...]
    dropping: tuple[tuple[BudgetUnit, BudgetPeriod], ...]


def _number(text: str) -> float | str:
    """Return what was typed; what is no number is left to the budget to refuse."""
    try:
        return float(text)
    except ValueError:
        return text


def add_budget_command(commands: Any) -> None:
    """Add it to the command line."""
    budget = commands.add_parser(
        "tenant-budget", prog="genq tenant budget", help="what may be spent, and what was"
    )
    budget.add_argument("name", help="such as acme")
    for name, (unit, period) in _AMOUNTS.items():
        what = "dollars" if unit is BudgetUnit.MONEY else unit.value
        told = f"{what} a {period.value}; none: no such budget"
        budget.add_argument(flag(name), dest=name, metavar="AMOUNT", help=told)
    budget.add_argument(
        "--end-user",
        default=TENANT_ITSELF,
        help=f"of one end user of the tenant; {EACH_USER}: of each",
    )
    budget.add_argument(
        "--on-exhausted", choices=list(OnExhausted), default=OnExhausted.REJECT, help="then"
    )


def read_budgets(parser: argparse.ArgumentParser, given: argparse.Namespace) -> BudgetsWanted:
    """Return what `genq tenant budget` is to change; a mistake ends with code 2."""
    setting: list[Budget] = []
    dropping: list[tuple[BudgetUnit, BudgetPeriod]] = []
    for name, (unit, period) in _AMOUNTS.items():
        amount: str | None = getattr(given, name)
        if amount is None:
            continue
        if amount.strip().lower() == _NONE:
            dropping.append((unit, period))
            continue
        try:
            body = BudgetBody.model_validate(
                {
                    "unit": unit,
                    "period": period,
                    "amount": _number(amount.strip().removeprefix("$")),
                    "end_user": given.end_user,
                    "on_exhausted": given.on_exhausted,
                }
            )
            setting.append(body.budget())
        except ValidationError as error:
            (fault, *_) = error.errors(include_url=False)
            where = "--end-user" if fault["loc"][0] == "end_user" else flag(name)
            parser.error(f"{where}: {in_words(fault)}, not {amount!r}")
        except ValueError as error:
            parser.error(f"{flag(name)}: {error}")
    return BudgetsWanted(given.end_user, tuple(setting), tuple(dropping))

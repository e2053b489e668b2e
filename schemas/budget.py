"""What may be spent, by whom, in which period, and what happens when it is gone. Pure."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field

from schemas.job import iso_ms
from schemas.shape import Shape

MONEY_SCALE: Final = 1_000_000
"""Money is counted in millionths of a dollar."""
EACH_USER: Final = "*"
"""The budget of every end user who has none of their own for the same unit and period."""
TENANT_ITSELF: Final = ""
_LARGEST: Final = 10**15


class BudgetUnit(StrEnum):
    """What is counted."""

    MONEY = "money"
    IMAGES = "images"
    TOKENS = "tokens"

    @property
    def number(self) -> int:
        """The unit as PostgreSQL stores it."""
        return list(BudgetUnit).index(self) + 1


class BudgetPeriod(StrEnum):
    """After how long the count begins anew, in UTC."""

    DAY = "day"
    MONTH = "month"

    @property
    def number(self) -> int:
        """The period as PostgreSQL stores it."""
        return list(BudgetPeriod).index(self) + 1

    def start_of(self, day: date) -> date:
        """Return the first day of the period that ``day`` lies in."""
        return day if self is BudgetPeriod.DAY else day.replace(day=1)

    def next_start(self, day: date) -> date:
        """Return the first day of the period after that of ``day``."""
        if self is BudgetPeriod.DAY:
            return day + timedelta(days=1)
        return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


class OnExhausted(StrEnum):
    """What becomes of a job for which nothing is left."""

    REJECT = "reject"
    """It is refused."""
    DOWNGRADE = "downgrade"
    """It is accepted in the slowest lane that its tenant may use."""
    PARK = "park"
    """It is accepted, and waits for the first later period that has room for it."""


UNITS: Final = {unit.number: unit for unit in BudgetUnit}
PERIODS: Final = {period.number: period for period in BudgetPeriod}


@dataclass(frozen=True, slots=True)
class Budget:
    """One budget of a tenant. ``end_user``: ``''`` is the tenant itself, ``*`` each user."""

    end_user: str
    unit: BudgetUnit
    period: BudgetPeriod
    amount: int
    on_exhausted: OnExhausted = OnExhausted.REJECT


@dataclass(frozen=True, slots=True)
class Spending:
    """A budget and how it stands in the period that began on ``starts_on``.

    Attributes:
        spender: Whose spending it is; ``*``: nobody's in particular, nothing is known of it.
    """

    budget: Budget
    spender: str
    starts_on: date
    spent: int = 0
    reserved: int = 0

    @property
    def known(self) -> bool:
        """Whether it is anybody's in particular."""
        return self.spender != EACH_USER

    @property
    def left(self) -> int:
        """What may still be reserved."""
        return max(0, self.budget.amount - self.spent - self.reserved)

    @property
    def resets_at(self) -> datetime:
        """When the next period begins."""
        return midnight(self.budget.period.next_start(self.starts_on))


class BudgetBody(Shape):
    """The body of ``PUT /v1/admin/tenants/{name}/budgets``: one budget, made or changed.

    ``amount`` is a number of images or tokens; of ``money`` it is dollars.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    unit: BudgetUnit
    period: BudgetPeriod
    amount: Annotated[
        float, Field(strict=True, ge=0, le=_LARGEST / MONEY_SCALE, allow_inf_nan=False)
    ]
    end_user: Annotated[str, Field(max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    on_exhausted: OnExhausted = OnExhausted.REJECT

    def budget(self) -> Budget:
        """Return it as it is counted.

        Raises:
            ValueError: Images and tokens come whole.
        """
        return Budget(
            self.end_user,
            self.unit,
            self.period,
            counted(self.unit, self.amount),
            self.on_exhausted,
        )


class BudgetView(Shape):
    """A budget and how it stands now. ``money`` is told in dollars.

    ``end_user`` is null for the tenant's own, and ``*`` for that of each end user, whose
    ``spent`` stands in no single row: it is null, unless one end user is asked for.
    """

    object: Literal["budget"]
    end_user: str | None
    unit: BudgetUnit
    period: BudgetPeriod
    amount: float
    on_exhausted: OnExhausted
    spent: float | None
    reserved: float | None
    left: float | None
    resets_at: str


class BudgetList(Shape):
    """The budgets of a tenant."""

    object: Literal["list"]
    data: list[BudgetView]


def budget_view(found: Spending) -> dict[str, Any]:
    """Return the JSON form: exactly the fields of ``BudgetView``."""
    budget, unit = found.budget, found.budget.unit
    spent, reserved, left = (
        told(unit, amount) if found.known else None
        for amount in (found.spent, found.reserved, found.left)
    )
    return {
        "object": "budget",
        "end_user": budget.end_user or None,
        "unit": unit.value,
        "period": budget.period.value,
        "amount": told(unit, budget.amount),
        "on_exhausted": budget.on_exhausted.value,
        "spent": spent,
        "reserved": reserved,
        "left": left,
        "resets_at": iso_ms(found.resets_at),
    }


def counted(unit: BudgetUnit, amount: float) -> int:
    """Return what people write as it is stored: money in millionths.

    Raises:
        ValueError: Images and tokens come whole.
    """
    if unit is BudgetUnit.MONEY:
        return round(amount * MONEY_SCALE)
    if amount != int(amount):
        raise ValueError(f"{unit.value} come whole, not {amount:g}")
    return int(amount)


def told(unit: BudgetUnit, amount: int) -> float:
    """Return a stored amount as people read it: money in dollars."""
    return amount / MONEY_SCALE if unit is BudgetUnit.MONEY else amount


def in_words(unit: BudgetUnit, amount: int) -> str:
    """Return an amount with its unit: ``$0.25``, ``3 images``."""
    if unit is BudgetUnit.MONEY:
        digits = f"{amount / MONEY_SCALE:.6f}".rstrip("0")
        whole, _, fraction = digits.partition(".")
        return f"${whole}.{fraction.ljust(2, '0')}"
    return f"{amount} {unit.value if amount != 1 else unit.value.removesuffix('s')}"


def midnight(day: date) -> datetime:
    """Return the instant at which ``day`` begins in UTC."""
    return datetime.combine(day, time(), UTC)

"""Why a known caller's request is not admitted now: a branch of the error tree."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from schemas.errors import Category, GenqError, Severity


class CallRateError(GenqError):
    """The tenant makes more calls of the API per minute than it may."""

    code = "rate_limited"
    category = Category.BUSINESS_LOGIC
    severity = Severity.LOW
    retryable = True
    members = MappingProxyType({"violated-policies": ["calls"]})


class GridBusyError(GenqError):
    """This API process makes as many sheets of pictures as it may at a time."""

    code = "grid_busy"
    severity = Severity.MEDIUM


class ReportBusyError(GenqError):
    """This API process reads as many reports of usage as it may at a time."""

    code = "report_busy"
    severity = Severity.MEDIUM


class BudgetExhaustedError(GenqError):
    """A budget of the tenant, or of its end user, has no room for the job in this period."""

    code = "budget_exhausted"
    category = Category.BUSINESS_LOGIC
    severity = Severity.LOW
    retryable = True

    def __init__(
        self, message: str, *, budget: Mapping[str, Any], retry_after: timedelta | None = None
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self.members = {"budget": dict(budget)}


class BudgetTooSmallError(BudgetExhaustedError):
    """The job alone takes more than the budget of a whole period: it never fits."""

    code = "budget_too_small"
    retryable = False

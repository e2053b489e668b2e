"""The routes of usage as the OpenAPI document tells of them."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.tenants import Tenant
from producer.api.document import answer, parameter, problems
from producer.api.manifest import MANIFEST_ROUTES
from producer.api.operations import Operation
from producer.api.services import Services
from producer.api.usage import show_own_usage, show_usage
from schemas.scopes import KeyScope
from schemas.usage import FOR_OPERATORS, MOST_ROWS, Group, Interval

_Route = Callable[[Services, Tenant, Request], Awaitable[Response]]

_OWN: Final = ", ".join(group.value for group in Group if group not in FOR_OPERATORS)
_ALL: Final = ", ".join(Group)


_TIME: Final = [
    parameter(
        "query",
        "from",
        "From the hour of this instant, or of this date in UTC; else from the begin of the "
        "month.",
        examples=["2026-11-01"],
    ),
    parameter(
        "query",
        "to",
        "Until the end of the hour before this instant, or this date; else until now.",
        examples=["2026-12-01T00:00:00Z"],
    ),
    parameter(
        "query",
        "interval",
        "How long the time of a row is, in UTC.",
        enum=list(Interval),
        default=Interval.DAY.value,
    ),
]
_FORM: Final = [
    parameter(
        "query",
        "format",
        "csv: all rows as a table, as with Accept: text/csv.",
        enum=["json", "csv"],
    ),
    parameter(
        "query",
        "limit",
        "At most so many rows; a CSV has all.",
        type="integer",
        minimum=1,
        maximum=MOST_ROWS,
        default=100,
    ),
    parameter("query", "after", "The 'next' of the page before.", maxLength=4096),
]


def _parameters(groups: str) -> list[dict[str, Any]]:
    told = f"Of {groups}; several with commas between."
    return [*_TIME, parameter("query", "group_by", told, maxLength=200), *_FORM]


_REPORT: Final = answer("One page of rows, and the sums of all.", "UsageReport")
_TABLE: Final[dict[str, Any]] = {"schema": {"type": "string"}}
_ANSWERS: Final = {
    200: _REPORT | {"content": _REPORT["content"] | {"text/csv": _TABLE}}
} | problems(_400="A query parameter is wrong.")

SHOW_OWN_USAGE: Final = Operation(
    name="show_own_usage",
    path="/v1/usage",
    summary="Show usage",
    description="What the tenant has used, and what it was charged: up to the last job that "
    "ended. Budgets of money count the same numbers.",
    tag="keys",
    scope=KeyScope.TENANT_READ,
    parameters=_parameters(_OWN),
    answers=_ANSWERS,
)
SHOW_USAGE: Final = Operation(
    name="show_usage",
    path="/v1/admin/usage",
    summary="Show usage of tenants",
    description="What one tenant has used, or all of them; and what the answers of model "
    "servers cost, whatever became of their jobs.",
    tag="admin",
    scope=KeyScope.ADMIN,
    parameters=[
        parameter("query", "tenant", "Only this tenant's; else everybody's.", maxLength=128),
        *_parameters(_ALL),
    ],
    answers=_ANSWERS | problems(_404="There is no such tenant."),
)

USAGE_ROUTES: Final[tuple[tuple[Operation, _Route], ...]] = (
    (SHOW_OWN_USAGE, show_own_usage),
    (SHOW_USAGE, show_usage),
    *MANIFEST_ROUTES,
)

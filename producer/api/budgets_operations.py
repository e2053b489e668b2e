"""The routes of budgets and estimates as the OpenAPI document tells of them."""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.tenants import Tenant
from producer.api.budgets import delete_budget, set_budget, show_budgets, show_own_budgets
from producer.api.document import answer, parameter, problems
from producer.api.estimate import show_estimate
from producer.api.json_body import JSON_BODY
from producer.api.key_operations import TENANT
from producer.api.operations import Operation
from producer.api.services import Services
from producer.api.usage_operations import USAGE_ROUTES
from schemas.budget import BudgetPeriod, BudgetUnit
from schemas.scopes import KeyScope

_Route = Callable[[Services, Tenant, Request], Awaitable[Response]]

_PATH: Final = "/v1/admin/tenants/{tenant}/budgets"
_END_USER: Final = parameter(
    "query", "end_user", "Only budgets that hold for this end user.", maxLength=128
)
_WRONG: Final = problems(_400="A query parameter is wrong.")
_UNKNOWN: Final = problems(_404="There is no such tenant, or no such budget.")
_LIST: Final = {200: answer("The budgets, and how they stand.", "BudgetList")}

ESTIMATE_JOB: Final = Operation(
    name="estimate_job",
    method="POST",
    path="/v1/estimate",
    summary="Estimate a job",
    description="Price, time to start and whether it would be accepted. Nothing is written.",
    body="JobRequest",
    scope=KeyScope.JOBS_READ,
    answers={200: answer("What a submit of the same body would lead to.", "EstimateView")}
    | problems(
        _400="The body is not a job; errors[] says where.",
        _413="The body is too large.",
        _415="The body is not JSON.",
    ),
)
LIST_OWN_BUDGETS: Final = Operation(
    name="list_own_budgets",
    path="/v1/budgets",
    summary="List budgets",
    description="The tenant's own: spent, reserved by unfinished jobs, left, and until when.",
    tag="keys",
    scope=KeyScope.TENANT_READ,
    parameters=[_END_USER],
    answers=_LIST | _WRONG,
)
LIST_BUDGETS: Final = Operation(
    name="list_budgets",
    path=_PATH,
    summary="List a tenant's budgets",
    description="Spent, reserved by unfinished jobs, left, and until when.",
    tag="admin",
    scope=KeyScope.ADMIN,
    parameters=[TENANT, _END_USER],
    answers=_LIST | _WRONG | _UNKNOWN,
)
SET_BUDGET: Final = Operation(
    name="set_budget",
    method="PUT",
    path=_PATH,
    summary="Set a budget",
    description="Makes it, or changes it. Holds for submits from some seconds later on.",
    tag="admin",
    scope=KeyScope.ADMIN,
    parameters=[TENANT],
    body="BudgetBody",
    answers=_LIST | _UNKNOWN | JSON_BODY,
)
DELETE_BUDGET: Final = Operation(
    name="delete_budget",
    method="DELETE",
    path=_PATH,
    summary="Delete budgets",
    description="Those of the tenant itself, or of one end user; of one unit and period, or "
    "all. Answers with those that are left.",
    tag="admin",
    scope=KeyScope.ADMIN,
    parameters=[
        TENANT,
        parameter("query", "end_user", "Whose; the tenant's own if absent.", maxLength=128),
        parameter("query", "unit", "Only of this unit.", enum=list(BudgetUnit)),
        parameter("query", "period", "Only of this period.", enum=list(BudgetPeriod)),
    ],
    answers=_LIST | _WRONG | _UNKNOWN,
)

BUDGET_ROUTES: Final[tuple[tuple[Operation, _Route], ...]] = (
    (ESTIMATE_JOB, show_estimate),
    (LIST_OWN_BUDGETS, show_own_budgets),
    (LIST_BUDGETS, show_budgets),
    (SET_BUDGET, set_budget),
    (DELETE_BUDGET, delete_budget),
    *USAGE_ROUTES,
)

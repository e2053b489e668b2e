"""The routes of budgets: a tenant looks at its own, operators set everybody's."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.tenants import Tenant
from producer.api.bodies import check, encode, read_json
from producer.api.keys import named_tenant
from producer.api.keyset import read_query
from producer.api.services import Services
from producer.operator import budgets
from schemas.budget import (
    BudgetBody,
    BudgetPeriod,
    BudgetUnit,
    Spending,
    budget_view,
)
from schemas.errors import FieldError, InputError
from schemas.shape import Shape

_JSON: Final = "application/json"
_PRIVATE: Final = {"cache-control": "private, no-cache"}
_User = Annotated[str, Field(max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$")]


class BudgetsQuery(Shape):
    """Whose budgets: all, or those that hold for one end user."""

    model_config = ConfigDict(extra="forbid")

    end_user: _User | None = None


class BudgetName(Shape):
    """Which budgets of one spender; all of them if neither unit nor period is given."""

    model_config = ConfigDict(extra="forbid")

    end_user: _User = ""
    unit: BudgetUnit | None = None
    period: BudgetPeriod | None = None


async def show_own_budgets(services: Services, tenant: Tenant, request: Request) -> Response:
    """Answer with the budgets of the tenant that asks, and how they stand."""
    query = read_query(BudgetsQuery, request)
    async with transaction(services.engine) as connection:
        return _answer(await budgets.spending_of(connection, tenant.id, query.end_user))


async def show_budgets(services: Services, _tenant: Tenant, request: Request) -> Response:
    """Answer with the budgets of any tenant."""
    query = read_query(BudgetsQuery, request)
    async with transaction(services.engine) as connection:
        owner = await budgets.tenant_id_of(connection, named_tenant(request))
        return _answer(await budgets.spending_of(connection, owner, query.end_user))


async def set_budget(services: Services, _tenant: Tenant, request: Request) -> Response:
    """Make or change one budget; answer with all of the tenant's."""
    body: Any = await read_json(request, services.settings.max_body_bytes)
    wanted = check(BudgetBody, body)
    try:
        budget = wanted.budget()
    except ValueError as error:
        raise InputError(
            "the body is not acceptable", fields=[FieldError("/amount", str(error))]
        ) from None
    engine = whole_transactions(services.engine)
    return _answer(
        await budgets.change_budgets(engine, named_tenant(request), setting=[budget])
    )


async def delete_budget(services: Services, _tenant: Tenant, request: Request) -> Response:
    """Delete the budgets that the query names; answer with those that are left."""
    wanted = read_query(BudgetName, request)
    found = await budgets.change_budgets(
        whole_transactions(services.engine),
        named_tenant(request),
        dropping=[(wanted.unit, wanted.period)],
        end_user=wanted.end_user,
    )
    return _answer(found)


def _answer(found: Sequence[Spending]) -> Response:
    view = {"object": "list", "data": [budget_view(one) for one in found]}
    return Response(encode(view), 200, _PRIVATE, _JSON)

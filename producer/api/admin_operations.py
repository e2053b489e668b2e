"""The routes of tenants as the OpenAPI document tells of them."""

from typing import Final

from producer.api.document import LISTING, answer, parameter, problems
from producer.api.json_body import JSON_BODY
from producer.api.key_operations import TENANT
from producer.api.operations import Operation
from schemas.scopes import KeyScope

_TENANTS: Final = "/v1/admin/tenants"
_PATH: Final = f"{_TENANTS}/{{tenant}}"
_LIMIT: Final = next(told for told in LISTING if told["name"] == "limit") | {
    "description": "How many tenants."
}
_AFTER: Final = parameter("query", "after", "The 'next' of the page before.")
_PREFIX: Final = parameter("query", "prefix", "Only names that begin so.")
_UNKNOWN: Final = problems(_404="There is no such tenant.")

SHOW_OWN_TENANT: Final = Operation(
    name="get_own_tenant",
    path="/v1/tenant",
    summary="Who am I",
    description="The tenant of the key, its plan and limits, and what the key may do.",
    tag="keys",
    scope=KeyScope.TENANT_READ,
    answers={200: answer("The tenant and the key.", "OwnTenantView")},
)
LIST_TENANTS: Final = Operation(
    name="list_tenants",
    path=_TENANTS,
    summary="List tenants",
    description="By name.",
    tag="admin",
    scope=KeyScope.ADMIN,
    parameters=[_LIMIT, _AFTER, _PREFIX],
    answers={200: answer("One page of tenants.", "TenantPage", headers=("Link",))}
    | problems(_400="A query parameter is wrong."),
)
CREATE_TENANT: Final = Operation(
    name="create_tenant",
    method="POST",
    path=_TENANTS,
    summary="Make a tenant",
    description="It has no API key yet. Its webhook secret is shown this once.",
    tag="admin",
    scope=KeyScope.ADMIN,
    body="TenantRequest",
    answers={201: answer("The tenant.", "NewTenantView", headers=("Location",))}
    | JSON_BODY
    | problems(_409="There is a tenant of this name."),
)
SHOW_TENANT: Final = Operation(
    name="get_tenant",
    path=_PATH,
    summary="Look at a tenant",
    description="Its plan and limits, and how many of its jobs are in flight.",
    tag="admin",
    scope=KeyScope.ADMIN,
    parameters=[TENANT],
    answers={200: answer("The tenant.", "TenantView")} | _UNKNOWN,
)
CHANGE_TENANT: Final = Operation(
    name="update_tenant",
    method="PATCH",
    path=_PATH,
    summary="Change a tenant",
    description="What is absent stays, null takes a limit away; the next release goes by it.",
    tag="admin",
    scope=KeyScope.ADMIN,
    parameters=[TENANT],
    body="PlanChange",
    answers={200: answer("The tenant.", "TenantView")} | JSON_BODY | _UNKNOWN,
)
SUSPEND_TENANT: Final = Operation(
    name="suspend_tenant",
    method="POST",
    path=f"{_PATH}/suspend",
    summary="Suspend a tenant",
    description="None of its keys works, and its schedules submit nothing, until it is "
    "resumed. Jobs that were accepted go on.",
    tag="admin",
    scope=KeyScope.ADMIN,
    parameters=[TENANT],
    answers={200: answer("The tenant.", "TenantView")}
    | problems(_400="It is the tenant of the key that asks.")
    | _UNKNOWN,
)
RESUME_TENANT: Final = Operation(
    name="resume_tenant",
    method="POST",
    path=f"{_PATH}/resume",
    summary="Resume a tenant",
    description="Its keys work again.",
    tag="admin",
    scope=KeyScope.ADMIN,
    parameters=[TENANT],
    answers={200: answer("The tenant.", "TenantView")} | _UNKNOWN,
)
ROTATE_WEBHOOK_SECRET: Final = Operation(
    name="rotate_webhook_secret",
    method="POST",
    path=f"{_PATH}/webhook_secret",
    summary="Rotate a tenant's webhook secret",
    description="The next delivery is signed with the new one, which is shown this once, and "
    "with the former ones for the grace, a day unless told otherwise.",
    tag="admin",
    scope=KeyScope.ADMIN,
    parameters=[TENANT],
    body="TenantSecretRotation",
    body_required=False,
    answers={200: answer("The secret.", "WebhookSecretView")} | _UNKNOWN | JSON_BODY,
)

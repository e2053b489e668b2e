"""The routes of registered endpoints as the OpenAPI document tells of them."""

from typing import Final

from producer.api.document import LISTING, answer, parameter, problems
from producer.api.json_body import JSON_BODY
from producer.api.operations import Operation
from schemas.scopes import KeyScope

_TAG: Final = "webhooks"
_ALL: Final = "/v1/webhook_endpoints"
_ONE: Final = f"{_ALL}/{{endpoint_id}}"
_SECRET: Final = "/v1/webhook_secret"  # noqa: S105 - a path
_ENDPOINT_ID: Final = parameter(
    "path", "endpoint_id", "The endpoint's id, whe_…", pattern="^whe_[0-9a-z]{26}$"
)
_LIMIT: Final = next(told for told in LISTING if told["name"] == "limit") | {
    "description": "How many endpoints."
}
_AFTER: Final = parameter("query", "after", "The last endpoint of the page before.")
_UNKNOWN: Final = problems(_404="This tenant has no such endpoint.")
_ENDPOINT: Final = {200: answer("The endpoint.", "WebhookEndpointView")}

CREATE_ENDPOINT: Final = Operation(
    name="create_webhook_endpoint",
    method="POST",
    path=_ALL,
    summary="Register an endpoint",
    description=(
        "It hears of every event of the tenant that it asks for, from now on; of job.queued, "
        "job.started and job.progress for jobs that are submitted five seconds later or more. "
        "The answer shows the secret that signs this once. OpenAI's clients know this call; "
        "what is genq's own stands in genq."
    ),
    tag=_TAG,
    scope=KeyScope.WEBHOOKS_WRITE,
    body="EndpointRequest",
    answers={
        201: answer("The endpoint.", "WebhookEndpointWithSecretView", headers=("Location",))
    }
    | JSON_BODY
    | problems(_409="The tenant has as many endpoints as it may have."),
)
LIST_ENDPOINTS: Final = Operation(
    name="list_webhook_endpoints",
    path=_ALL,
    summary="List endpoints",
    description="Newest first, by key.",
    tag=_TAG,
    scope=KeyScope.WEBHOOKS_READ,
    parameters=[_LIMIT, _AFTER],
    answers={200: answer("One page.", "WebhookEndpointPage", headers=("Link",))}
    | problems(_400="A query parameter is wrong."),
)
SHOW_ENDPOINT: Final = Operation(
    name="get_webhook_endpoint",
    path=_ONE,
    summary="Look at an endpoint",
    description="How it is configured, and how its receiver does. A portal link may, too.",
    tag=_TAG,
    scope=KeyScope.WEBHOOKS_READ,
    portal=True,
    parameters=[_ENDPOINT_ID],
    answers=_ENDPOINT | _UNKNOWN,
)
CHANGE_ENDPOINT: Final = Operation(
    name="update_webhook_endpoint",
    method="POST",
    path=_ONE,
    summary="Change an endpoint",
    description=(
        "What is absent stays; inside genq, null means the default again. It holds from the "
        "next attempt on, also for what is owed already."
    ),
    tag=_TAG,
    scope=KeyScope.WEBHOOKS_WRITE,
    parameters=[_ENDPOINT_ID],
    body="EndpointChange",
    answers=_ENDPOINT | JSON_BODY | _UNKNOWN,
)
DELETE_ENDPOINT: Final = Operation(
    name="delete_webhook_endpoint",
    method="DELETE",
    path=_ONE,
    summary="Delete an endpoint",
    description="What it is owed is not sent any more. The log of its attempts stays.",
    tag=_TAG,
    scope=KeyScope.WEBHOOKS_WRITE,
    parameters=[_ENDPOINT_ID],
    answers={200: answer("It is gone.", "DeletedEndpointView")} | _UNKNOWN,
)
ROTATE_SECRET: Final = Operation(
    name="rotate_webhook_endpoint_secret",
    method="POST",
    path=f"{_ONE}/rotate_secret",
    summary="Rotate an endpoint's secret",
    description=(
        "The answer shows the new one this once. Former ones sign beside it for a while: 24 "
        "hours with keep_old_secret_active_for_24_hours, or as genq.grace_seconds says; if "
        "neither is given, they end at once. A portal link may, too."
    ),
    tag=_TAG,
    scope=KeyScope.WEBHOOKS_WRITE,
    portal=True,
    parameters=[_ENDPOINT_ID],
    body="SecretRotation",
    body_required=False,
    answers={200: answer("The endpoint.", "WebhookEndpointWithSecretView")}
    | JSON_BODY
    | _UNKNOWN,
)
TEST_ENDPOINT: Final = Operation(
    name="test_webhook_endpoint",
    method="POST",
    path=f"{_ONE}/test",
    summary="Test an endpoint",
    description=(
        "Sends a sample of an event the way every event goes, also to an endpoint that is "
        "disabled or does not ask for it, and waits for the answer. success says that there "
        "was one; genq.delivered that it was a success."
    ),
    tag=_TAG,
    scope=KeyScope.WEBHOOKS_WRITE,
    parameters=[_ENDPOINT_ID],
    body="EndpointTest",
    body_required=False,
    answers={200: answer("What was answered.", "EndpointTestView")}
    | JSON_BODY
    | _UNKNOWN
    | problems(
        _424="The endpoint did not answer.",
        _504="No delivery process sent it in time.",
    ),
)
DISABLE_ENDPOINT: Final = Operation(
    name="disable_webhook_endpoint",
    method="POST",
    path=f"{_ONE}/disable",
    summary="Disable an endpoint",
    description=(
        "Nothing more is sent to it, and nothing more is owed to it; what is owed already "
        "waits, for 76 hours at most."
    ),
    tag=_TAG,
    scope=KeyScope.WEBHOOKS_WRITE,
    parameters=[_ENDPOINT_ID],
    body="EndpointDisabling",
    body_required=False,
    answers=_ENDPOINT | JSON_BODY | _UNKNOWN,
)
ENABLE_ENDPOINT: Final = Operation(
    name="enable_webhook_endpoint",
    method="POST",
    path=f"{_ONE}/enable",
    summary="Enable an endpoint",
    description="What waited is sent. Events of the time between can be recovered.",
    tag=_TAG,
    scope=KeyScope.WEBHOOKS_WRITE,
    parameters=[_ENDPOINT_ID],
    answers=_ENDPOINT | _UNKNOWN,
)
MAKE_PORTAL_LINK: Final = Operation(
    name="create_webhook_portal_link",
    method="POST",
    path=f"{_ONE}/portal_link",
    summary="Make a portal link",
    description=(
        "For whoever runs the endpoint and has no key: with its token as API key they can look "
        "at this endpoint and its deliveries, send one again, and rotate the secret, until it "
        "expires. The answer shows it this once."
    ),
    tag=_TAG,
    scope=KeyScope.WEBHOOKS_WRITE,
    parameters=[_ENDPOINT_ID],
    body="PortalLinkRequest",
    body_required=False,
    answers={201: answer("The link.", "PortalLinkView")} | JSON_BODY | _UNKNOWN,
)
REVOKE_PORTAL_LINKS: Final = Operation(
    name="revoke_webhook_portal_links",
    method="POST",
    path=f"{_ONE}/portal_link/revoke",
    summary="Revoke portal links",
    description="None that was made until now works, after five seconds at the latest.",
    tag=_TAG,
    scope=KeyScope.WEBHOOKS_WRITE,
    parameters=[_ENDPOINT_ID],
    answers=_ENDPOINT | _UNKNOWN,
)
LIST_EVENT_TYPES: Final = Operation(
    name="list_webhook_event_types",
    path="/v1/webhook_event_types",
    summary="List event types",
    description="What endpoints can ask for; job.* and the like mean all that begin so.",
    tag=_TAG,
    scope=KeyScope.WEBHOOKS_READ,
    answers={200: answer("The types.", "EventTypeList")},
)
SHOW_TENANT_SECRET: Final = Operation(
    name="get_webhook_secret",
    path=_SECRET,
    summary="Look at the tenant's secret",
    description="Hints of what signs webhooks whose URLs come with jobs.",
    tag=_TAG,
    scope=KeyScope.WEBHOOKS_READ,
    answers={200: answer("The hints.", "TenantSecretView")},
)
ROTATE_TENANT_SECRET: Final = Operation(
    name="rotate_own_webhook_secret",
    method="POST",
    path=f"{_SECRET}/rotate",
    summary="Rotate the tenant's secret",
    description=(
        "For webhooks whose URLs come with jobs. The answer shows the new one this once; the "
        "former ones sign beside it for the grace, a day unless told otherwise."
    ),
    tag=_TAG,
    scope=KeyScope.WEBHOOKS_WRITE,
    body="TenantSecretRotation",
    body_required=False,
    answers={200: answer("The secret.", "TenantSecretRotatedView")} | JSON_BODY,
)
SHOW_JWKS: Final = Operation(
    name="get_webhook_jwks",
    path="/.well-known/webhooks/{endpoint_id}/jwks.json",
    summary="Keys that verify an endpoint's signatures",
    description="Ed25519, for v1a signatures. May be kept for five minutes.",
    tag="operations",
    parameters=[_ENDPOINT_ID],
    answers={
        200: answer("The keys.", "JwkSetView", media_type="application/jwk-set+json"),
        **problems(_404="There is no such endpoint."),
    },
)

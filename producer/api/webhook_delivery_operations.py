"""The routes of deliveries, events and recoveries as the OpenAPI document tells of them."""

from typing import Any, Final

from producer.api.document import (
    IDEMPOTENCY_KEY,
    LISTING,
    answer,
    parameter,
    problems,
)
from producer.api.operations import Operation
from schemas.scopes import KeyScope
from schemas.webhook_delivery import DeliveryStatus
from schemas.webhooks import Trigger

_TAG: Final = "webhooks"
_DELIVERIES: Final = "/v1/webhook_deliveries"
_ENDPOINT: Final = "/v1/webhook_endpoints/{endpoint_id}"
_EVENT: Final = "/v1/webhook_events/{event_id}"


def _id(name: str, prefix: str, what: str) -> dict[str, Any]:
    pattern = f"^{prefix}_[0-9a-z]{{26}}$"
    return parameter("path", name, f"The {what}'s id, {prefix}_…", pattern=pattern)


def _asked(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return parameter("query", name, description, **schema)


def _word(name: str, description: str) -> dict[str, Any]:
    return _asked(name, description, minLength=1, maxLength=128)


def _instant(name: str, description: str) -> dict[str, Any]:
    return _asked(name, description, format="date-time")


_DELIVERY_ID: Final = _id("delivery_id", "whd", "delivery")
_ENDPOINT_ID: Final = _id("endpoint_id", "whe", "endpoint")
_EVENT_ID: Final = _id("event_id", "evt", "event")
_RECOVERY_ID: Final = _id("recovery_id", "whr", "recovery")
_LIMIT: Final = next(told for told in LISTING if told["name"] == "limit") | {
    "description": "How many."
}
_KEY: Final = IDEMPOTENCY_KEY | {
    "description": "The same call with the same key is done once, for a day."
}
_PAGING: Final = [_LIMIT, _asked("after", "The 'next' of the page before.")]
_FILTER: Final = [
    *_PAGING,
    _asked("endpoint_id", "To this endpoint, whe_…"),
    _asked("event_id", "Of this event, evt_…"),
    _asked("job_id", "Of events of this job, job_…"),
    _word("event_type", "Of events of this type."),
    _asked(
        "status",
        "One of these.",
        type="array",
        maxItems=len(DeliveryStatus),
        items={"type": "string", "enum": list(DeliveryStatus)},
    ),
    _word("outcome", "The newest attempt came to this, such as timeout."),
    _asked(
        "status_code",
        "The newest attempt was answered so.",
        type="integer",
        minimum=0,
        maximum=999,
    ),
    _asked(
        "trigger",
        "Why the newest attempt was made.",
        enum=[trigger.word for trigger in Trigger],
    ),
    _instant("created_after", "Made at this instant or later."),
    _instant("created_before", "Made before this instant."),
    _instant("started_after", "The newest attempt began at this instant or later."),
    _instant("started_before", "The newest attempt began before this instant."),
]
_WRONG_QUERY: Final = problems(_400="A query parameter is wrong, or too few fit among many.")
_NO_ENDPOINT: Final = problems(_404="This tenant has no such endpoint.")

LIST_DELIVERIES: Final = Operation(
    name="list_webhook_deliveries",
    path=_DELIVERIES,
    summary="List deliveries",
    description=(
        "Newest first, by key: a page does not shift when deliveries arrive or end. What a "
        "filter asks of attempts, it asks of the newest one."
    ),
    tag=_TAG,
    scope=KeyScope.WEBHOOKS_READ,
    parameters=_FILTER,
    answers={200: answer("One page.", "DeliveryPage", headers=("Link",))} | _WRONG_QUERY,
)
LIST_ENDPOINT_DELIVERIES: Final = Operation(
    name="list_webhook_endpoint_deliveries",
    path=f"{_ENDPOINT}/deliveries",
    summary="List an endpoint's deliveries",
    description="As all deliveries are listed, of one endpoint.",
    tag=_TAG,
    scope=KeyScope.WEBHOOKS_READ,
    portal=True,
    parameters=[_ENDPOINT_ID, *_FILTER],
    answers={200: answer("One page.", "DeliveryPage", headers=("Link",))}
    | _WRONG_QUERY
    | _NO_ENDPOINT,
)
SHOW_ENDPOINT_DELIVERY: Final = Operation(
    name="get_webhook_endpoint_delivery",
    path=f"{_ENDPOINT}/deliveries/{{delivery_id}}",
    summary="Look at an endpoint's delivery",
    description="As any delivery; a portal link may too.",
    tag=_TAG,
    scope=KeyScope.WEBHOOKS_READ,
    portal=True,
    parameters=[_ENDPOINT_ID, _DELIVERY_ID],
    answers={200: answer("The delivery.", "DeliveryDetailView")}
    | problems(_404="This endpoint has no such delivery."),
)
SHOW_DELIVERY: Final = Operation(
    name="get_webhook_delivery",
    path=f"{_DELIVERIES}/{{delivery_id}}",
    summary="Look at a delivery",
    description="Its attempts, newest first, and what it waits for while it is pending.",
    tag=_TAG,
    scope=KeyScope.WEBHOOKS_READ,
    parameters=[_DELIVERY_ID],
    answers={200: answer("The delivery.", "DeliveryDetailView")}
    | problems(_404="This tenant has no such delivery."),
)
_RESENT: Final = {
    202: answer(
        "What is owed now.",
        "DeliveryDetailView",
        headers=("Location", "Idempotent-Replayed"),
    )
} | problems(
    _400="The Idempotency-Key is not acceptable.",
    _404="There is no such delivery.",
    _409="The content is gone, or the endpoint is deleted or disabled.",
    _422="The Idempotency-Key was used for another delivery.",
)
RESEND_DELIVERY: Final = Operation(
    name="resend_webhook_delivery",
    method="POST",
    path=f"{_DELIVERIES}/{{delivery_id}}/resend",
    summary="Send an event again",
    description=(
        "The same bytes under the same event id, as a new delivery, to where the receiver is "
        "now. A delivery that is pending is tried at once instead."
    ),
    tag=_TAG,
    scope=KeyScope.WEBHOOKS_WRITE,
    parameters=[_DELIVERY_ID, _KEY],
    answers=_RESENT,
)
RESEND_ENDPOINT_DELIVERY: Final = Operation(
    name="resend_webhook_endpoint_delivery",
    method="POST",
    path=f"{_ENDPOINT}/deliveries/{{delivery_id}}/resend",
    summary="Send an endpoint's event again",
    description="As any delivery is sent again; a portal link may too.",
    tag=_TAG,
    scope=KeyScope.WEBHOOKS_WRITE,
    portal=True,
    parameters=[_ENDPOINT_ID, _DELIVERY_ID, _KEY],
    answers=_RESENT,
)
SHOW_EVENT: Final = Operation(
    name="get_webhook_event",
    path=_EVENT,
    summary="Look at an event",
    description="Its text as it is signed and sent, and its deliveries.",
    tag=_TAG,
    scope=KeyScope.WEBHOOKS_READ,
    parameters=[_EVENT_ID],
    answers={200: answer("The event.", "WebhookEventView")}
    | problems(_404="This tenant has no such event."),
)
ERASE_EVENT: Final = Operation(
    name="delete_webhook_event_content",
    method="DELETE",
    path=f"{_EVENT}/content",
    summary="Delete what an event says",
    description=(
        "Its text, and what receivers answered to it, for good. Pending deliveries end; the "
        "log of attempts stays. Noted in the audit log."
    ),
    tag=_TAG,
    scope=KeyScope.WEBHOOKS_WRITE,
    parameters=[_EVENT_ID],
    answers={200: answer("It is gone.", "ErasedEventView")}
    | problems(_404="This tenant has no such event."),
)
RECOVER_ENDPOINT: Final = Operation(
    name="recover_webhook_endpoint",
    method="POST",
    path=f"{_ENDPOINT}/recover",
    summary="Send events of a stretch of time again",
    description=(
        "However many: they are sent in the background, behind everything that is live. "
        "failed: those that were given up. missing: those that the endpoint asks for and never "
        "took, also from before it existed. With sample, the newest so many, newest first."
    ),
    tag=_TAG,
    scope=KeyScope.WEBHOOKS_WRITE,
    parameters=[_ENDPOINT_ID, _KEY],
    body="RecoveryRequest",
    answers={
        202: answer(
            "It is under way.", "RecoveryView", headers=("Location", "Idempotent-Replayed")
        )
    }
    | problems(
        _400="The body is wrong; errors[] says where.",
        _404="This tenant has no such endpoint.",
        _409="The endpoint is disabled, or another recovery of it is under way.",
        _413="The body is too large.",
        _415="The body is not JSON.",
        _422="The Idempotency-Key was used with another body.",
    ),
)
LIST_RECOVERIES: Final = Operation(
    name="list_webhook_endpoint_recoveries",
    path=f"{_ENDPOINT}/recoveries",
    summary="List an endpoint's recoveries",
    description="Newest first.",
    tag=_TAG,
    scope=KeyScope.WEBHOOKS_READ,
    parameters=[_ENDPOINT_ID, *_PAGING],
    answers={200: answer("One page.", "RecoveryPage", headers=("Link",))}
    | problems(_400="A query parameter is wrong.")
    | _NO_ENDPOINT,
)
SHOW_RECOVERY: Final = Operation(
    name="get_webhook_endpoint_recovery",
    path=f"{_ENDPOINT}/recoveries/{{recovery_id}}",
    summary="Follow a recovery",
    description="How many events it has looked at, and how many it sends again.",
    tag=_TAG,
    scope=KeyScope.WEBHOOKS_READ,
    parameters=[_ENDPOINT_ID, _RECOVERY_ID],
    answers={200: answer("The recovery.", "RecoveryView")}
    | problems(_404="This endpoint has no such recovery."),
)
CANCEL_RECOVERY: Final = Operation(
    name="cancel_webhook_endpoint_recovery",
    method="POST",
    path=f"{_ENDPOINT}/recoveries/{{recovery_id}}/cancel",
    summary="Stop a recovery",
    description="Up to a thousand deliveries that are owed already are still sent.",
    tag=_TAG,
    scope=KeyScope.WEBHOOKS_WRITE,
    parameters=[_ENDPOINT_ID, _RECOVERY_ID],
    answers={200: answer("The recovery.", "RecoveryView")}
    | problems(_404="This endpoint has no such recovery."),
)

"""genq's face: the SDK here, the command line in ``genq.cli``.

Names are loaded when they are first used: ``import genq`` alone costs next to nothing.
"""

# Type checkers take this name for true; importing it from typing would be most of the cost.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from genq.async_client import AsyncGenq
    from genq.batch_models import Batch, BatchResult
    from genq.bulk_models import Bulk, BulkItem, Refusal
    from genq.client import Genq
    from genq.errors import (
        ApiError,
        AuthenticationError,
        BlockedError,
        BudgetExhaustedError,
        ConfigurationError,
        ConflictError,
        FieldFault,
        GenqError,
        InvalidRequestError,
        JobBlockedError,
        JobFailedError,
        NoAnswerError,
        NotFoundError,
        PermissionDeniedError,
        RateLimitedError,
        ServerError,
        ServerUnreachableError,
        UnavailableError,
        UnexpectedAnswerError,
        WaitTimeoutError,
    )
    from genq.estimates import Estimate
    from genq.event_models import Event, JobEvent
    from genq.file_models import StoredFile
    from genq.job_requests import JobRequest
    from genq.key_models import ApiKey, Tenant
    from genq.models import Artifact, Job, JobError, Output, Urls
    from genq.policy_models import EffectivePolicy, Policy, Sanction, Simulation
    from genq.privacy_models import Erasure, RetentionRule
    from genq.raw_answers import RawResponse
    from genq.webhook import WebhookInvalidError, verify_webhook
    from genq.webhook_delivery_models import Delivery
    from genq.webhook_endpoint_models import WebhookEndpoint
    from genq.webhook_recovery_models import Recovery

_HOMES = {
    "async_client": ("AsyncGenq",),
    "batch_models": ("Batch", "BatchResult"),
    "bulk_models": ("Bulk", "BulkItem", "Refusal"),
    "client": ("Genq",),
    "errors": (
        "ApiError",
        "AuthenticationError",
        "BlockedError",
        "BudgetExhaustedError",
        "ConfigurationError",
        "ConflictError",
        "FieldFault",
        "GenqError",
        "InvalidRequestError",
        "JobBlockedError",
        "JobFailedError",
        "NoAnswerError",
        "NotFoundError",
        "PermissionDeniedError",
        "RateLimitedError",
        "ServerError",
        "ServerUnreachableError",
        "UnavailableError",
        "UnexpectedAnswerError",
        "WaitTimeoutError",
    ),
    "estimates": ("Estimate",),
    "event_models": ("Event", "JobEvent"),
    "file_models": ("StoredFile",),
    "job_requests": ("JobRequest",),
    "key_models": ("ApiKey", "Tenant"),
    "models": ("Artifact", "Job", "JobError", "Output", "Urls"),
    "policy_models": ("EffectivePolicy", "Policy", "Sanction", "Simulation"),
    "privacy_models": ("Erasure", "RetentionRule"),
    "raw_answers": ("RawResponse",),
    "webhook": ("WebhookInvalidError", "verify_webhook"),
    "webhook_delivery_models": ("Delivery",),
    "webhook_endpoint_models": ("WebhookEndpoint",),
    "webhook_recovery_models": ("Recovery",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "ApiError",
    "ApiKey",
    "Artifact",
    "AsyncGenq",
    "AuthenticationError",
    "Batch",
    "BatchResult",
    "BlockedError",
    "BudgetExhaustedError",
    "Bulk",
    "BulkItem",
    "ConfigurationError",
    "ConflictError",
    "Delivery",
    "EffectivePolicy",
    "Erasure",
    "Estimate",
    "Event",
    "FieldFault",
    "Genq",
    "GenqError",
    "InvalidRequestError",
    "Job",
    "JobBlockedError",
    "JobError",
    "JobEvent",
    "JobFailedError",
    "JobRequest",
    "NoAnswerError",
    "NotFoundError",
    "Output",
    "PermissionDeniedError",
    "Policy",
    "RateLimitedError",
    "RawResponse",
    "Recovery",
    "Refusal",
    "RetentionRule",
    "Sanction",
    "ServerError",
    "ServerUnreachableError",
    "Simulation",
    "StoredFile",
    "Tenant",
    "UnavailableError",
    "UnexpectedAnswerError",
    "Urls",
    "WaitTimeoutError",
    "WebhookEndpoint",
    "WebhookInvalidError",
    "verify_webhook",
]


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - only where something is loaded

    found: object = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

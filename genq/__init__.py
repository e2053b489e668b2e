"""genq's face: the SDK here, the command line in ``genq.cli``."""

from genq.async_client import AsyncGenq
from genq.client import Genq
from genq.errors import (
    ApiError,
    AuthenticationError,
    BlockedError,
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
    UnexpectedAnswerError,
    WaitTimeoutError,
)
from genq.models import Artifact, Job, JobError, Output, Urls
from genq.webhook import WebhookInvalidError, verify_webhook

__all__ = [
    "ApiError",
    "Artifact",
    "AsyncGenq",
    "AuthenticationError",
    "BlockedError",
    "ConfigurationError",
    "ConflictError",
    "FieldFault",
    "Genq",
    "GenqError",
    "InvalidRequestError",
    "Job",
    "JobBlockedError",
    "JobError",
    "JobFailedError",
    "NoAnswerError",
    "NotFoundError",
    "Output",
    "PermissionDeniedError",
    "RateLimitedError",
    "ServerError",
    "ServerUnreachableError",
    "UnexpectedAnswerError",
    "Urls",
    "WaitTimeoutError",
    "WebhookInvalidError",
    "verify_webhook",
]

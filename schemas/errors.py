"""Every way a request, an attempt or a delivery can fail: the one error taxonomy.

Each error has a category (who can mend it), a severity, a stable ``code`` and whether another
try can help. HTTP statuses stand in ``producer/api/problems.py``; the exceptions of model SDKs
are mapped in ``worker/providers/failures.py``; what a retry costs is decided in
``worker/pipeline/outcome.py``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar, TypedDict


class Category(StrEnum):
    """Which part of the system an error belongs to."""

    MODEL = "model"
    INFRASTRUCTURE = "infrastructure"
    INPUT = "input"
    SECURITY = "security"
    BUSINESS_LOGIC = "business_logic"


class Severity(StrEnum):
    """How soon a person should look."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class ErrorRecord(TypedDict):
    """An error as it is stored with a job and shown to its owner."""

    code: str
    message: str
    category: str
    severity: str
    retryable: bool
    error_id: str


@dataclass(frozen=True, slots=True)
class FieldError:
    """One fault in a request body: where (JSON pointer, RFC 6901) and what.

    Attributes:
        rule: The rule of ``producer/input_rules.py`` that it breaks, if it is one of those.
    """

    pointer: str
    message: str
    rule: str | None = None


class GenqError(Exception):
    """The root of the tree.

    Attributes:
        code: Stable, machine-readable name.
        category: Which part of the system.
        severity: How soon a person should look.
        retryable: Whether the same request can succeed later, unchanged.
        message: What happened, where, and what to do next. Never a secret or a prompt.
        retry_after: The earliest sensible time of the next try, if the other side said so.
        fields: The faults in a request body, if that is what is wrong.
        members: What else the HTTP answer tells, by name, such as which budget is exhausted.
    """

    members: Mapping[str, Any] = MappingProxyType({})

    code: ClassVar[str] = "internal_error"
    category: ClassVar[Category] = Category.INFRASTRUCTURE
    severity: ClassVar[Severity] = Severity.HIGH
    retryable: ClassVar[bool] = True

    def __init__(
        self,
        message: str,
        *,
        retry_after: timedelta | None = None,
        fields: Sequence[FieldError] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after
        self.fields = tuple(fields)

    def record(self, error_id: str) -> ErrorRecord:
        """Return the storable form under the id that logs and answers share."""
        return {
            "code": self.code,
            "message": self.message,
            "category": self.category.value,
            "severity": self.severity.value,
            "retryable": self.retryable,
            "error_id": error_id,
        }


class InternalError(GenqError):
    """A fault of genq itself."""


class InputError(GenqError):
    """The request is wrong; it must change before it can succeed."""

    code = "invalid_request"
    category = Category.INPUT
    severity = Severity.LOW
    retryable = False


class NotFoundError(InputError):
    """No such thing for this tenant."""

    code = "not_found"


class UnknownModelError(InputError):
    """No configured model server offers this model."""

    code = "model_not_found"


class PayloadTooLargeError(InputError):
    """The request body is larger than accepted."""

    code = "payload_too_large"


class IdempotencyConflictError(InputError):
    """The idempotency key was used with another body."""

    code = "idempotency_key_reused"


class NotReadyError(InputError):
    """The job has not ended, or ended without this artifact."""

    code = "artifact_not_available"


# --- security ------------------------------------------------------------------------------


class UnauthenticatedError(GenqError):
    """No key, or one that is unknown or revoked."""

    code = "invalid_api_key"
    category = Category.SECURITY
    severity = Severity.LOW
    retryable = False


class OutboundRefusedError(GenqError):
    """A URL leads to an address that genq does not call."""

    code = "outbound_refused"
    category = Category.SECURITY
    severity = Severity.MEDIUM
    retryable = False


class BlockedContentError(GenqError):
    """A prompt or an output is not acceptable."""

    code = "content_blocked"
    category = Category.SECURITY
    severity = Severity.MEDIUM
    retryable = False


# --- model ---------------------------------------------------------------------------------


class ModelError(GenqError):
    """The model server refused the request for good."""

    code = "model_rejected_request"
    category = Category.MODEL
    severity = Severity.MEDIUM
    retryable = False


class ModelRefusedError(BlockedContentError):
    """The model server's own safety system refused the prompt."""

    code = "model_refused_content"
    category = Category.MODEL


class ModelAuthError(ModelError):
    """The model server does not accept genq's key: a person must mend the configuration."""

    code = "model_key_rejected"
    severity = Severity.CRITICAL


class ModelRateLimitedError(ModelError):
    """The model server asks to come back later. Costs no attempt."""

    code = "model_rate_limited"
    severity = Severity.LOW
    retryable = True


class ModelUnavailableError(ModelError):
    """The model server failed (5xx), cannot be reached, or cut the answer."""

    code = "model_unavailable"
    severity = Severity.HIGH
    retryable = True


class ModelBadAnswerError(ModelUnavailableError):
    """The model server's answer is not what the API promises."""

    code = "model_bad_answer"


class ModelTimeoutError(ModelUnavailableError):
    """The attempt's wall time passed."""

    code = "model_timeout"


# --- business logic -----------------------------------------------------------------------


class JobCancelledError(GenqError):
    """The caller cancelled the job."""

    code = "job_cancelled"
    category = Category.BUSINESS_LOGIC
    severity = Severity.LOW
    retryable = False

    def __init__(self) -> None:
        super().__init__("the job was cancelled at its caller's request")


# --- infrastructure ------------------------------------------------------------------------


class ObjectStoreError(GenqError):
    """The object store failed."""

    code = "object_store_unavailable"


class ObjectMissingError(ObjectStoreError):
    """The object store has no object under this key."""

    code = "object_missing"
    retryable = False


class DatabaseUnavailableError(GenqError):
    """PostgreSQL cannot be reached or is restarting."""

    code = "database_unavailable"


class ValkeyUnavailableError(GenqError):
    """Valkey cannot be reached. Nothing is lost: it holds no truth."""

    code = "valkey_unavailable"


class BrokerUnavailableError(GenqError):
    """The broker cannot be reached. Jobs wait in PostgreSQL; what was released is recovered."""

    code = "broker_unavailable"


class WorkerLostError(GenqError):
    """The worker that ran the job died too often while running it."""

    code = "worker_lost"
    retryable = False


class SettingsError(GenqError):
    """A setting is missing, unknown, or contradicts another."""

    code = "invalid_settings"
    category = Category.BUSINESS_LOGIC
    severity = Severity.CRITICAL
    retryable = False

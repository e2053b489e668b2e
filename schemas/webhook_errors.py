"""What can go wrong with webhooks: a branch of the error tree."""

from schemas.errors import Category, GenqError, Severity


class SealedValueError(GenqError):
    """A stored secret cannot be opened: its key is not configured, or it was changed."""

    code = "sealed_value_unreadable"
    category = Category.SECURITY
    severity = Severity.HIGH
    retryable = False


class TooManyEndpointsError(GenqError):
    """The tenant has as many webhook endpoints as it may have."""

    code = "too_many_endpoints"
    category = Category.BUSINESS_LOGIC
    severity = Severity.LOW
    retryable = False


class EndpointTestFailedError(GenqError):
    """The endpoint did not answer the test: there is no HTTP status to tell."""

    code = "webhook_test_failed"
    category = Category.INPUT
    severity = Severity.LOW
    retryable = False


class EndpointTestNotSentError(GenqError):
    """No delivery process sent the test in time."""

    code = "webhook_test_not_sent"
    category = Category.INFRASTRUCTURE
    severity = Severity.MEDIUM
    retryable = True


class NothingToResendError(GenqError):
    """The event's content was deleted, or the event is older than what is kept."""

    code = "event_content_gone"
    category = Category.BUSINESS_LOGIC
    severity = Severity.LOW
    retryable = False


class NoReceiverError(GenqError):
    """The endpoint that a delivery went to is deleted, or disabled."""

    code = "endpoint_not_active"
    category = Category.BUSINESS_LOGIC
    severity = Severity.LOW
    retryable = False


class RecoveryUnderWayError(GenqError):
    """Another recovery of the same endpoint has not ended."""

    code = "recovery_under_way"
    category = Category.BUSINESS_LOGIC
    severity = Severity.LOW
    retryable = True

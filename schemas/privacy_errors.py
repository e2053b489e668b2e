"""Why content is not there to be shown: a branch of the error tree."""

from schemas.errors import Category, GenqError, Severity


class ContentErasedError(GenqError):
    """The content is gone for good: retention or an erasure took it."""

    code = "content_erased"
    category = Category.BUSINESS_LOGIC
    severity = Severity.LOW
    retryable = False


class ContentUnreadableError(GenqError):
    """Stored content cannot be opened: its key is missing, or it was changed."""

    code = "content_unreadable"
    category = Category.SECURITY
    severity = Severity.CRITICAL
    retryable = True


class LegalHoldError(GenqError):
    """A legal hold keeps all that should be erased."""

    code = "under_legal_hold"
    category = Category.BUSINESS_LOGIC
    severity = Severity.LOW
    retryable = False

"""What can go wrong with webhooks: a branch of the error tree."""

from schemas.errors import Category, GenqError, Severity


class SealedValueError(GenqError):
    """A stored secret cannot be opened: its key is not configured, or it was changed."""

    code = "sealed_value_unreadable"
    category = Category.SECURITY
    severity = Severity.HIGH
    retryable = False

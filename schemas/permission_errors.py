"""What a known caller may not do: a branch of the error tree."""

from schemas.errors import Category, GenqError, InputError, Severity


class PermissionDeniedError(GenqError):
    """The key has not the scope that the call needs, or the tenant's plan does not allow it."""

    code = "permission_denied"
    category = Category.SECURITY
    severity = Severity.LOW
    retryable = False


class TenantSuspendedError(GenqError):
    """The operator has suspended the tenant: none of its keys works until it is resumed."""

    code = "tenant_suspended"
    category = Category.SECURITY
    severity = Severity.LOW
    retryable = False


class KeyNotActiveError(InputError):
    """The key was revoked, has expired, or was rotated before: there is nothing to rotate."""

    code = "key_not_active"

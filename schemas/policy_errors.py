"""What can be wrong with safety policies, and with people who break them."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from schemas.errors import Category, FieldError, GenqError, InputError, Severity


class InvalidPolicyError(InputError):
    """The document is no policy, or loosens what it may not."""

    code = "invalid_policy"


class ApprovalNeededError(InputError):
    """The change is grave: another person than its author has to approve it first."""

    code = "approval_needed"


class EndUserSuspendedError(GenqError):
    """The end user was blocked so often of late that nothing of theirs is accepted for now.

    ``members`` tell until when.
    """

    code = "end_user_suspended"
    category = Category.SECURITY
    severity = Severity.LOW
    retryable = True

    def __init__(
        self,
        message: str,
        *,
        retry_after: timedelta | None = None,
        fields: Sequence[FieldError] = (),
        members: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        super().__init__(message, retry_after=retry_after, fields=fields)
        self.members = members

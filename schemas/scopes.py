"""What an API key may do: scopes, each of them a right of its own."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final


class KeyScope(StrEnum):
    """One right of an API key. None implies another."""

    JOBS_READ = "jobs:read"
    """Look at jobs, results, schedules, dead letters and events."""
    JOBS_WRITE = "jobs:write"
    """Submit and change them."""
    TENANT_READ = "tenant:read"
    """Look at the tenant itself: its plan, limits, budgets and keys."""
    TENANT_WRITE = "tenant:write"
    """Make, rotate and revoke the tenant's keys."""
    WEBHOOKS_READ = "webhooks:read"
    """Look at webhook endpoints, their deliveries and attempts."""
    WEBHOOKS_WRITE = "webhooks:write"
    """Make, change, test and delete them; rotate secrets; send deliveries again."""
    SAFETY_READ = "safety:read"
    """Look at the tenant's safety policies, sanctions and lists of known pictures."""
    SAFETY_WRITE = "safety:write"
    """Make, approve and activate policies; change lists of known pictures."""
    PRIVACY = "privacy"
    """Export and erase people's data; set for how long content is kept."""
    REVIEW = "review"
    """Claim and decide what waits for people, and see what was written and made."""
    REVIEW_LEAD = "review:lead"
    """Decide what reviewers disagree on, or have handed on."""
    ADMIN = "admin"
    """Look at and change every tenant, and the installation."""


EVERYTHING: Final = frozenset(KeyScope)
OWN_TENANT: Final = EVERYTHING - {KeyScope.ADMIN}
"""What a key may do that was made without a list of scopes."""


def granted(stored: Iterable[str] | None) -> frozenset[KeyScope]:
    """Return what a stored list grants; ``None`` is everything of the key's own tenant.

    Names that this release does not know grant nothing: an older process may read the row of a
    newer one.
    """
    if stored is None:
        return OWN_TENANT
    return frozenset(scope for scope in KeyScope if scope.value in set(stored))


def in_order(scopes: Iterable[KeyScope]) -> list[str]:
    """Return scopes as they are stored and shown: each once, in the order of declaration."""
    held = set(scopes)
    return [scope.value for scope in KeyScope if scope in held]

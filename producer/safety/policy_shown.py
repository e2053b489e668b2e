"""A stored version of a policy as JSON."""

from typing import Any

from infra.postgres.policies import StoredPolicy
from schemas.job import iso_ms


def policy_view(policy: StoredPolicy) -> dict[str, Any]:
    """Return the JSON form: exactly the fields of ``PolicyView``."""
    return {
        "object": "safety_policy",
        "version": policy.version,
        "name": policy.document["policy"],
        "status": _status(policy),
        "digest": policy.digest.hex(),
        "created_at": iso_ms(policy.created_at),
        "created_by": policy.created_by,
        "approved_by": policy.approved_by,
        "activated_at": iso_ms(policy.activated_at) if policy.activated_at else None,
        "activated_by": policy.activated_by,
        "retired_at": iso_ms(policy.retired_at) if policy.retired_at else None,
        "document": dict(policy.document),
    }


def _status(policy: StoredPolicy) -> str:
    if policy.activated_at is None:
        return "draft"
    return "active" if policy.active else "retired"

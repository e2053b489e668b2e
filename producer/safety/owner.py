"""Whose policy is meant: the installation's, or a tenant's."""

from dataclasses import dataclass
from typing import Final

from infra.postgres.policies import INSTALLATION
from schemas.tenant_plan import SafetyLevel


@dataclass(frozen=True, slots=True)
class PolicyOwner:
    """Whose policy it is.

    Attributes:
        name: The tenant's name, or what the installation is called.
        level: At which the tenant is judged.
    """

    tenant_id: int
    name: str
    level: SafetyLevel = SafetyLevel.STANDARD

    @property
    def is_installation(self) -> bool:
        """Whether all tenants follow it."""
        return self.tenant_id == INSTALLATION


WHOLE: Final = PolicyOwner(INSTALLATION, "installation")
"""The installation."""

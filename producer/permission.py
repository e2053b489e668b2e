"""Whether a tenant may have the job that it asks for: its models, its kinds, its lanes."""

from collections.abc import Iterable

from infra.postgres.tenants import Tenant
from schemas.errors import FieldError
from schemas.job import JobRequest
from schemas.permission_errors import PermissionDeniedError, TenantSuspendedError


def check_permitted(tenant: Tenant, request: JobRequest, model: str) -> None:
    """Refuse what the tenant's plan does not allow.

    Args:
        tenant: Who asks.
        request: What for.
        model: The model that the job would get: the named one, or the default of its kind.

    Raises:
        PermissionDeniedError: A field for each thing that is not allowed, saying what is.
        TenantSuspendedError: The tenant may have nothing: a schedule of it came due.
    """
    if tenant.suspended:
        raise TenantSuspendedError(f"tenant {tenant.name} is suspended")
    asked = (
        ("model", model, tenant.allowed_models),
        ("kind", request.kind, tenant.allowed_kinds),
        ("lane", request.lane, tenant.allowed_lanes),
    )
    faults = [
        FieldError(f"/{name}", _refusal(name, wanted, allowed))
        for name, wanted, allowed in asked
        if allowed is not None and wanted not in allowed
    ]
    if faults:
        told = "; ".join(fault.message for fault in faults)
        raise PermissionDeniedError(
            f"tenant {tenant.name} may not do this: {told}", fields=faults
        )


def _refusal(name: str, wanted: str, allowed: Iterable[str]) -> str:
    known = ", ".join(sorted(allowed)) or "none"
    return f"{name} {str(wanted)!r} is not allowed; allowed: {known}"

"""A tenant's own secret: rotated, so that the former one signs beside it for a while."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.audit_actor import record
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.tenant_secrets import change_tenant_secret, read_tenant_secret
from infra.postgres.tenants import Tenant
from infra.postgres.webhook_secrets import add_secret, expire_secrets, valid_secrets
from infra.sealing import Sealer
from producer.webhooks.secrets import hint_of, new_secret
from schemas.webhook_endpoint import StoredSecret, tenant_secret_place
from schemas.webhooks import SecretKind

# The new one, and the one that was new until now, have a place each.
_PLACES: Final = 2


@dataclass(frozen=True, slots=True)
class TenantSecret:
    """What signs for URLs that come with jobs.

    Attributes:
        newest: ``whsec_…``.
        former: Those that sign beside it, newest first.
    """

    newest: str = field(repr=False)
    former: Sequence[StoredSecret]

    @property
    def hint(self) -> str:
        """What may be shown of the newest."""
        return hint_of(self.newest)


async def look_at_secret(connection: AsyncConnection, tenant_id: int) -> TenantSecret:
    """Return what signs for a tenant now."""
    newest = await read_tenant_secret(connection, tenant_id)
    return TenantSecret(newest, await valid_secrets(connection, tenant_id, None))


async def rotate_own_secret(
    engine: AsyncEngine, sealer: Sealer, tenant: Tenant, *, grace_seconds: int
) -> TenantSecret:
    """Do ``rotate_secret`` for the tenant that asks; ring ``DELIVER`` afterwards."""
    async with transaction(whole_transactions(engine)) as connection:
        rotated = await rotate_secret(
            connection, sealer, tenant.id, grace_seconds=grace_seconds
        )
        detail = {"grace_seconds": grace_seconds}
        action, of = "tenant.webhook_secret_rotated", f"tenant {tenant.name}"
        await record(connection, tenant.id, action, of, detail)
    return rotated


async def rotate_secret(
    connection: AsyncConnection, sealer: Sealer, tenant_id: int, *, grace_seconds: int
) -> TenantSecret:
    """Sign with a new secret, and with the former ones for ``grace_seconds`` more.

    Args:
        connection: In a transaction; ring ``DELIVER`` after its commit.
        sealer: Seals the former one.
        tenant_id: Of a tenant that is there.
        grace_seconds: Zero: the former ones sign no more.
    """
    grace = timedelta(seconds=grace_seconds)
    former = await read_tenant_secret(connection, tenant_id, lock=True)
    await expire_secrets(
        connection, tenant_id, None, kind=SecretKind.HMAC, grace=grace, room=_PLACES
    )
    if grace_seconds:
        await add_secret(
            connection,
            tenant_id,
            None,
            kind=SecretKind.HMAC,
            sealed=sealer.seal(former.encode(), place=tenant_secret_place(tenant_id)),
            hint=hint_of(former),
            life=grace,
        )
    await change_tenant_secret(connection, tenant_id, new_secret())
    return await look_at_secret(connection, tenant_id)

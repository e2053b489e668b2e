"""New data keys for tenants: what is sealed from then on, older keys do not open."""

import secrets

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.audit_actor import record
from infra.content_keys import KEY_BYTES
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.tenant_keys import (
    add_tenant_key,
    key_place,
    read_tenant_keys,
    retire_keys_before,
    tenants_with_keys,
)
from infra.sealing import Sealer

_PAGE = 200


async def rotate_one(engine: AsyncEngine, sealer: Sealer, tenant_id: int) -> int:
    """Give a tenant a new data key; return its number.

    Processes seal with it within five minutes. What was sealed before goes on being opened.
    """
    async with transaction(whole_transactions(engine)) as connection:
        stored = await read_tenant_keys(connection, [tenant_id])
        number = max((key.number for key in stored), default=0) + 1
        key = sealer.seal(secrets.token_bytes(KEY_BYTES), place=key_place(tenant_id, number))
        # Somebody else's rotation at the same moment is as good.
        if await add_tenant_key(connection, tenant_id, number, key):
            await retire_keys_before(connection, tenant_id, number)
            await record(
                connection, tenant_id, "data_key.rotated", "data key", {"number": number}
            )
    return number


async def rotate_all(engine: AsyncEngine, sealer: Sealer) -> int:
    """Give every tenant that has data keys a new one; return how many these are."""
    after = rotated = 0
    while True:
        async with transaction(engine) as connection:
            found = await tenants_with_keys(connection, after=after, limit=_PAGE)
        for tenant_id in found:
            await rotate_one(engine, sealer, tenant_id)
        rotated += len(found)
        if not found:
            return rotated
        after = found[-1]

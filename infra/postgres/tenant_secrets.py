"""The secret that signs for URLs that come with jobs: a tenant's own."""

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_READ: Final = text("SELECT webhook_secret FROM tenant WHERE id = :id")
_LOCK: Final = text("SELECT webhook_secret FROM tenant WHERE id = :id FOR NO KEY UPDATE")
_CHANGE: Final = text("UPDATE tenant SET webhook_secret = :secret WHERE id = :id")


async def read_tenant_secret(
    connection: AsyncConnection, tenant_id: int, *, lock: bool = False
) -> str:
    """Return ``whsec_…`` of a tenant that is there; locked, it stays so until the end."""
    found = await connection.execute(_LOCK if lock else _READ, {"id": tenant_id})
    return found.scalar_one()


async def change_tenant_secret(
    connection: AsyncConnection, tenant_id: int, secret: str
) -> None:
    """Sign with another secret from the next attempt on."""
    await connection.execute(_CHANGE, {"id": tenant_id, "secret": secret})

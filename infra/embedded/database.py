"""The database inside the embedded cluster, and the tenant whose key `genq up` prints."""

from pathlib import Path
from typing import Final

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.api_keys import digest_of, prefix_of
from infra.embedded.credentials import Credentials
from infra.embedded.postgres import NAME, SUPERUSER, url_of_cluster
from infra.postgres.api_keys import find_key
from infra.postgres.engine import create_engine
from infra.postgres.local_server import ensure_database
from infra.postgres.tenants import Tenant, add_key, ensure_tenant
from infra.settings import Settings

TENANT: Final = "local"


def superuser_engine(settings: Settings, cluster: Path) -> AsyncEngine:
    """Return an engine for what genq's own role may not do."""
    url = SecretStr(url_of_cluster(cluster, user=SUPERUSER, database=SUPERUSER))
    return create_engine(settings.model_copy(update={"database_url": url}), process="up")


async def ensure_own_database(superuser: AsyncEngine) -> None:
    """Make genq's role and its database if they are not there: genq is not the superuser."""
    async with superuser.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await ensure_database(connection, NAME)


async def ensure_access(
    connection: AsyncConnection, settings: Settings, credentials: Credentials
) -> Tenant:
    """Return the tenant of the stored key; both are made if the database has lost them."""
    digest = digest_of(credentials.api_key, settings.key_pepper.get_secret_value())
    found = await find_key(connection, digest)
    tenant = None if found is None else found.caller.tenant
    if tenant is None:
        tenant = await ensure_tenant(
            connection,
            TENANT,
            max_inflight=settings.tenant_max_inflight,
            webhook_secret=credentials.webhook_secret,
        )
        prefix = prefix_of(credentials.api_key)
        await add_key(connection, tenant.id, name="genq up", prefix=prefix, digest=digest)
    return tenant

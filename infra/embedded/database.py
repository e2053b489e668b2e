"""The database inside the embedded cluster, and the tenant whose key `genq up` prints."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.api_keys import digest_of, prefix_of
from infra.embedded.credentials import Credentials, renew_api_key
from infra.embedded.postgres import NAME, SUPERUSER, url_of_cluster
from infra.postgres.api_keys import find_key, grant_scopes, insert_key
from infra.postgres.engine import create_engine
from infra.postgres.local_server import ensure_database
from infra.postgres.tenants import Tenant, ensure_tenant
from infra.settings import Settings
from schemas.scopes import EVERYTHING

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


@dataclass(frozen=True, slots=True)
class Access:
    """The tenant of `genq up`, and the secrets by which it is reached."""

    tenant: Tenant
    credentials: Credentials


async def ensure_access(
    connection: AsyncConnection, settings: Settings, credentials: Credentials, path: Path
) -> Access:
    """Return the tenant of the stored key; both are made if the database has lost them.

    The key may do everything: whoever starts the servers is their operator. One that was
    revoked is replaced by a new one, of which the folder is told first.

    Args:
        connection: In a transaction.
        settings: Of the children.
        credentials: As the folder keeps them.
        path: Where it keeps them.
    """
    pepper = settings.key_pepper.get_secret_value()
    found = await find_key(connection, digest_of(credentials.api_key, pepper))
    if found is not None and found.works:
        caller = found.caller
        if caller.scopes != EVERYTHING:
            # Made by a release that knew no scopes.
            await grant_scopes(connection, caller.tenant.id, caller.key_id, EVERYTHING)
        return Access(caller.tenant, credentials)
    if found is not None:
        credentials = renew_api_key(path, credentials)
    tenant = await ensure_tenant(
        connection,
        TENANT,
        max_inflight=settings.tenant_max_inflight,
        webhook_secret=credentials.webhook_secret,
    )
    await insert_key(
        connection,
        tenant.id,
        name="genq up",
        prefix=prefix_of(credentials.api_key),
        digest=digest_of(credentials.api_key, pepper),
        scopes=EVERYTHING,
    )
    return Access(tenant, credentials)

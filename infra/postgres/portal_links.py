"""What a portal link leads to: looked up when its token is shown."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import and_, extract, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.portal_tokens import PortalGrant
from infra.postgres.tenants import TENANT_COLUMNS, Tenant, tenant_of_row
from schemas.tables.tenants import tenant
from schemas.tables.webhooks import webhook_endpoint


@dataclass(frozen=True, slots=True)
class PortalLink:
    """A portal link whose endpoint is there.

    Attributes:
        seconds_left: Until it ends, by PostgreSQL's clock.
        revoked: It was made before somebody made all of them void.
    """

    tenant: Tenant
    seconds_left: float
    revoked: bool


_NOW: Final = extract("epoch", func.clock_timestamp()).label("now")
_LINK: Final = select(*TENANT_COLUMNS, webhook_endpoint.c.portal_epoch, _NOW).select_from(
    webhook_endpoint.join(tenant, webhook_endpoint.c.tenant_id == tenant.c.id)
)


async def find_portal_link(
    connection: AsyncConnection, grant: PortalGrant
) -> PortalLink | None:
    """Return the link that a token, which was made here, stands for; ``None``: it is gone."""
    query = _LINK.where(
        and_(
            webhook_endpoint.c.id == grant.endpoint_id,
            webhook_endpoint.c.tenant_id == grant.tenant_id,
        )
    )
    row: Any = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    return PortalLink(
        tenant=tenant_of_row(row),
        seconds_left=grant.expires_at - float(row.now),
        revoked=row.portal_epoch != grant.epoch,
    )

"""Portal links: for whoever runs an endpoint and has no key of the tenant."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.audit_actor import record
from infra.portal_tokens import PortalGrant, PortalTokens
from infra.postgres.endpoints import get_endpoint
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.schedules import database_time
from producer.webhooks.endpoints import there
from schemas.ids import format_id
from schemas.job import iso_ms


@dataclass(frozen=True, slots=True)
class PortalLink:
    """A link that was just made."""

    token: str = field(repr=False)
    expires_at: datetime


async def make_link(
    engine: AsyncEngine,
    tokens: PortalTokens,
    tenant_id: int,
    endpoint_id: UUID,
    *,
    life: timedelta,
) -> PortalLink:
    """Make a link to an endpoint that ends after ``life``, in whole seconds.

    Raises:
        NotFoundError: The tenant has no such endpoint.
    """
    async with transaction(whole_transactions(engine)) as connection:
        found = await get_endpoint(connection, tenant_id, endpoint_id)
        endpoint = there(found, endpoint_id)
        ends = (await database_time(connection) + life).replace(microsecond=0)
        grant = PortalGrant(
            endpoint_id, tenant_id, int(ends.timestamp()), endpoint.portal_epoch
        )
        of = f"webhook_endpoint {format_id('whe', endpoint_id)}"
        detail = {"expires_at": iso_ms(ends)}
        await record(connection, tenant_id, "webhook_endpoint.portal_link_made", of, detail)
    return PortalLink(tokens.make(grant), ends)

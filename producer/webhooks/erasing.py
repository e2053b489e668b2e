"""Delete what an event says, for good: nothing is sent of it any more."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.audit_actor import record
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.erasure import Erased, erase_event
from infra.postgres.tenants import Tenant
from schemas.errors import NotFoundError
from schemas.ids import format_id


async def erase(engine: AsyncEngine, tenant: Tenant, event_id: UUID) -> Erased:
    """Erase an event's content, and note it in the audit log; to do it twice does it once.

    Raises:
        NotFoundError: The tenant has no such event.
    """
    shown = format_id("evt", event_id)
    async with transaction(whole_transactions(engine)) as connection:
        erased = await erase_event(connection, tenant.id, event_id)
        if erased is None:
            raise NotFoundError(f"there is no event {shown}")
        if erased.anything:
            detail = {"discarded": erased.discarded}
            await record(
                connection, tenant.id, "webhook_event.erased", f"event {shown}", detail
            )
    return erased

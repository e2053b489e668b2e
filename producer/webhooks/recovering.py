"""Ask for recoveries: one at a time for each endpoint, however many events it covers."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.audit_actor import record
from infra.new_ids import new_key
from infra.postgres.endpoints import get_endpoint
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.kept_answers import Call, claim_call, keep_answer, kept_answer
from infra.postgres.recoveries import (
    get_recovery,
    insert_recovery,
    list_recoveries,
    stop_recovery,
    unfinished_recovery,
)
from infra.postgres.tenants import Tenant
from producer.idempotency import refuse_other_body
from schemas.errors import NotFoundError
from schemas.ids import format_id
from schemas.job import iso_ms
from schemas.webhook_errors import NoReceiverError, RecoveryUnderWayError
from schemas.webhook_recovery import Recovery, RecoveryRequest


@dataclass(frozen=True, slots=True)
class Asked:
    """A recovery; ``replayed`` if the same call had asked for it before."""

    recovery: Recovery
    replayed: bool = False


class Recoveries:
    """The recoveries of a tenant's endpoints. The walk is the delivery process's."""

    def __init__(self, engine: AsyncEngine, *, idempotency_ttl: timedelta) -> None:
        self._engine = whole_transactions(engine)
        self._ttl = idempotency_ttl

    async def start(
        self,
        tenant: Tenant,
        endpoint_id: UUID,
        wanted: RecoveryRequest,
        *,
        idempotency_key: str | None = None,
        body_hash: bytes = b"",
    ) -> Asked:
        """Ask for a recovery.

        Raises:
            NotFoundError: The tenant has no such endpoint.
            NoReceiverError: It is disabled.
            RecoveryUnderWayError: Another one has not ended.
            IdempotencyConflictError: The key was used with another body.
        """
        call = None
        if idempotency_key is not None:
            call = Call(tenant.id, f"{idempotency_key} {endpoint_id.hex}", body_hash)
        async with transaction(self._engine) as connection:
            await _require(connection, tenant, endpoint_id)
            earlier = None if call is None else await self._earlier(connection, call)
            if earlier is not None:
                found = await get_recovery(connection, tenant.id, endpoint_id, earlier)
                if found is not None:
                    return Asked(found, replayed=True)
            made = await _start(connection, tenant, endpoint_id, wanted)
            if call is not None:
                await keep_answer(connection, call, {"recovery": str(made.id)})
        return Asked(made)

    async def page(
        self, tenant: Tenant, endpoint_id: UUID, *, limit: int, before: UUID | None = None
    ) -> list[Recovery]:
        """Return an endpoint's recoveries, newest first, asked for before ``before``.

        Raises:
            NotFoundError: The tenant has no such endpoint.
        """
        async with transaction(self._engine) as connection:
            await _require(connection, tenant, endpoint_id)
            return await list_recoveries(
                connection, tenant.id, endpoint_id, limit=limit, before=before
            )

    async def get(self, tenant: Tenant, endpoint_id: UUID, recovery_id: UUID) -> Recovery:
        """Return one recovery.

        Raises:
            NotFoundError: The endpoint has no such recovery.
        """
        async with transaction(self._engine) as connection:
            found = await get_recovery(connection, tenant.id, endpoint_id, recovery_id)
        if found is None:
            raise _unknown(recovery_id)
        return found

    async def cancel(self, tenant: Tenant, endpoint_id: UUID, recovery_id: UUID) -> Recovery:
        """End a recovery where it is; one that is over stays as it is.

        Raises:
            NotFoundError: The endpoint has no such recovery.
        """
        async with transaction(self._engine) as connection:
            stopped = await stop_recovery(connection, tenant.id, endpoint_id, recovery_id)
            if stopped is not None:
                await _record(connection, "webhook_recovery.cancelled", stopped)
                return stopped
        return await self.get(tenant, endpoint_id, recovery_id)

    async def _earlier(self, connection: AsyncConnection, call: Call) -> UUID | None:
        """Return what the same call asked for before; ``None``: the key is this call's now."""
        if await claim_call(connection, call, job_id=new_key(), ttl=self._ttl):
            return None
        kept = await kept_answer(connection, call)
        # Its time ran out between the two looks.
        if kept is None:
            return None
        refuse_other_body(kept.request_hash, call.request_hash)
        return UUID(kept.answer["recovery"])


async def _start(
    connection: AsyncConnection, tenant: Tenant, endpoint_id: UUID, wanted: RecoveryRequest
) -> Recovery:
    # Locked, so that two calls at once cannot both find nothing under way.
    endpoint = await get_endpoint(connection, tenant.id, endpoint_id, lock=True)
    if endpoint is None or endpoint.disabled_at is not None:
        shown = format_id("whe", endpoint_id)
        raise NoReceiverError(f"the endpoint {shown} is disabled: enable it first")
    under_way = await unfinished_recovery(connection, tenant.id, endpoint_id)
    if under_way is not None:
        shown = format_id("whr", under_way.id)
        raise RecoveryUnderWayError(f"{shown} is still under way for this endpoint")
    made = await insert_recovery(
        connection,
        tenant.id,
        endpoint_id,
        since=wanted.since,
        until=wanted.until,
        only=wanted.only,
        sample=wanted.sample,
    )
    await _record(connection, "webhook_recovery.started", made)
    return made


async def _require(connection: AsyncConnection, tenant: Tenant, endpoint_id: UUID) -> None:
    if await get_endpoint(connection, tenant.id, endpoint_id) is None:
        raise NotFoundError(f"there is no webhook endpoint {format_id('whe', endpoint_id)}")


def _unknown(recovery_id: UUID) -> NotFoundError:
    shown = format_id("whr", recovery_id)
    return NotFoundError(f"this endpoint has no recovery {shown}")


async def _record(connection: AsyncConnection, action: str, recovery: Recovery) -> None:
    detail = {
        "recovery": format_id("whr", recovery.id),
        "since": iso_ms(recovery.since),
        "until": iso_ms(recovery.until),
        "only": recovery.only.value,
        "sample": recovery.sample,
    }
    of = f"webhook endpoint {format_id('whe', recovery.endpoint_id)}"
    await record(connection, recovery.tenant_id, action, of, detail)

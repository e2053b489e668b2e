"""Send one event once more: the same bytes, under the same event id, as a new delivery."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.doorbells import DELIVER, Doorbells
from infra.new_ids import new_key
from infra.postgres.delivery_log import get_delivery
from infra.postgres.endpoints import get_endpoint
from infra.postgres.engine import transaction, whole_transactions
from infra.postgres.kept_answers import Call, claim_call, keep_answer, kept_answer
from infra.postgres.resends import Resend, add_resend, bring_forward, url_of_job
from infra.postgres.tenants import Tenant
from producer.idempotency import refuse_other_body
from schemas.errors import NotFoundError
from schemas.ids import format_id
from schemas.webhook_delivery import Delivery, DeliveryHistory
from schemas.webhook_endpoint import origin_of
from schemas.webhook_errors import NoReceiverError, NothingToResendError

SHOWN_ATTEMPTS: Final = 50
"""The most attempts of a delivery that an answer shows."""


@dataclass(frozen=True, slots=True)
class Resent:
    """What is owed now; ``replayed`` if the same call had asked for it before."""

    history: DeliveryHistory
    replayed: bool = False


class Resender:
    """Owes events once more."""

    def __init__(
        self, engine: AsyncEngine, doorbells: Doorbells, *, idempotency_ttl: timedelta
    ) -> None:
        self._engine = whole_transactions(engine)
        self._doorbells = doorbells
        self._ttl = idempotency_ttl

    async def resend(
        self,
        tenant: Tenant,
        delivery_id: UUID,
        *,
        of_endpoint: UUID | None = None,
        idempotency_key: str | None = None,
    ) -> Resent:
        """Owe an event to its receiver again; a delivery that is pending is tried now instead.

        Args:
            tenant: Whose delivery.
            delivery_id: Which.
            of_endpoint: The only endpoint that the caller may speak for.
            idempotency_key: As it is stored.

        Raises:
            NotFoundError: The tenant, or this endpoint, has no such delivery.
            NoReceiverError: Its endpoint is deleted or disabled.
            NothingToResendError: Its content is gone.
            IdempotencyConflictError: The key was used for another delivery.
        """
        call = None
        if idempotency_key is not None:
            call = Call(tenant.id, idempotency_key, delivery_id.bytes)
        async with transaction(self._engine) as connection:
            earlier = None if call is None else await self._earlier(connection, call)
            owed = earlier or await _owe(connection, tenant, delivery_id, of_endpoint)
            if call is not None and earlier is None:
                await keep_answer(connection, call, {"delivery": str(owed)})
        if earlier is None:
            await self._doorbells.ring(DELIVER)
        async with transaction(self._engine) as connection:
            found = await get_delivery(connection, tenant.id, owed, attempts=SHOWN_ATTEMPTS)
        if found is None or not _speaks_for(of_endpoint, found.delivery):
            raise unknown_delivery(owed)
        return Resent(found, replayed=earlier is not None)

    async def _earlier(self, connection: AsyncConnection, call: Call) -> UUID | None:
        """Return what the same call owed before; ``None``: the key is this call's now."""
        if await claim_call(connection, call, job_id=new_key(), ttl=self._ttl):
            return None
        kept = await kept_answer(connection, call)
        # Its time ran out between the two looks.
        if kept is None:
            return None
        refuse_other_body(kept.request_hash, call.request_hash)
        return UUID(kept.answer["delivery"])


def unknown_delivery(delivery_id: UUID) -> NotFoundError:
    """Return the error that says so."""
    return NotFoundError(f"there is no webhook delivery {format_id('whd', delivery_id)}")


async def _owe(
    connection: AsyncConnection, tenant: Tenant, delivery_id: UUID, of_endpoint: UUID | None
) -> UUID:
    found = await get_delivery(connection, tenant.id, delivery_id, attempts=1)
    if found is None or not _speaks_for(of_endpoint, found.delivery):
        raise unknown_delivery(delivery_id)
    url = await _url(connection, tenant, found.delivery)
    if found.delivery.waiting is not None and await bring_forward(
        connection, tenant.id, delivery_id
    ):
        return delivery_id
    resend = Resend(
        id=new_key(),
        tenant_id=tenant.id,
        event_id=found.delivery.event_id,
        url=url,
        origin=origin_of(url),
        endpoint_id=found.delivery.endpoint_id,
    )
    if not await add_resend(connection, resend):
        event = format_id("evt", found.delivery.event_id)
        raise NothingToResendError(
            f"nothing is left to send of {event}: its content was deleted, or it is older than "
            "what is kept"
        )
    return resend.id


async def _url(connection: AsyncConnection, tenant: Tenant, delivery: Delivery) -> str:
    """Return where a delivery goes now.

    Raises:
        NoReceiverError: Nowhere.
    """
    if delivery.endpoint_id is not None:
        shown = format_id("whe", delivery.endpoint_id)
        endpoint = await get_endpoint(connection, tenant.id, delivery.endpoint_id)
        if endpoint is None:
            raise NoReceiverError(f"the endpoint {shown} of this delivery was deleted")
        if endpoint.disabled_at is not None:
            raise NoReceiverError(
                f"the endpoint {shown} of this delivery is disabled: enable it first"
            )
        return endpoint.config.url
    url = delivery.url
    if url is None and delivery.job_id is not None:
        url = await url_of_job(connection, tenant.id, delivery.job_id)
    if url is None:
        raise NoReceiverError("nobody knows any more where this delivery went")
    return url


def _speaks_for(of_endpoint: UUID | None, delivery: Delivery) -> bool:
    return of_endpoint is None or delivery.endpoint_id == of_endpoint

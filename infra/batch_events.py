"""The event that a batch has ended: written with its end, or not at all."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.event_bodies import event_body
from infra.job_events import own_receiver
from infra.new_ids import new_key
from infra.postgres.publish import Publication, publish_events
from schemas.batch import BatchStatus
from schemas.batch_record import BatchRecord
from schemas.events import EventType, OutboxKind
from schemas.ids import format_id

_TYPES: Final[Mapping[BatchStatus, EventType]] = MappingProxyType(
    {
        BatchStatus.COMPLETED: EventType.BATCH_COMPLETED,
        BatchStatus.FAILED: EventType.BATCH_FAILED,
        BatchStatus.EXPIRED: EventType.BATCH_EXPIRED,
        BatchStatus.CANCELLED: EventType.BATCH_CANCELLED,
    }
)


async def tell_batch_end(connection: AsyncConnection, batch: BatchRecord) -> int:
    """Write the event that ``batch`` has ended, and whom it is owed to.

    The tenant's endpoints that ask for it hear of it, the URL that came with the batch, and
    the tenant's feed. Its data is OpenAI's: the id of the batch.

    Args:
        connection: In the transaction that ends the batch.
        batch: As that transaction leaves it.

    Returns:
        How many deliveries it made; if any, ring ``DELIVER`` after the commit.
    """
    key, event_type, shown = new_key(), _TYPES[batch.status], format_id("batch", batch.id)
    body = event_body(
        key, event_type, at=batch.ended_at or batch.created_at, data={"id": shown}
    )
    return await publish_events(
        connection,
        [
            Publication(
                id=key,
                tenant_id=batch.tenant_id,
                kind=OutboxKind.TERMINAL,
                type=event_type.value,
                body=body,
                labels=orjson.dumps(batch.metadata).decode() if batch.metadata else None,
                **own_receiver(batch.webhook, event_type),
            )
        ],
    )

"""Erasure: an event's content goes, and what is known of its deliveries stays."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.webhooks import Ended

# An attempt that is under way has its bytes already; its outcome finds no delivery any more.
_ERASE: Final = text("""
WITH o AS MATERIALIZED (
  SELECT id, job_id, type, octet_length(body) > 0 OR octet_length(thin) > 0 AS full FROM outbox
  WHERE tenant_id = :tenant_id AND id = :id FOR NO KEY UPDATE),
e AS (
  UPDATE outbox SET body = '', thin = '' FROM o
  WHERE outbox.job_id = o.job_id AND outbox.id = o.id AND o.full),
d AS (
  DELETE FROM delivery USING o
  WHERE delivery.job_id = o.job_id AND delivery.event_id = o.id
    AND delivery.tenant_id = :tenant_id
  RETURNING delivery.*, o.type),
a AS (
  UPDATE delivery_attempt SET answer_body = NULL FROM o
  WHERE event_id = o.id AND answer_body IS NOT NULL),
l AS (
  INSERT INTO delivery_attempt (event_id, delivery_id, n, outcome, detail, duration_ms, id,
    tenant_id, endpoint_id, job_id, type, url, trigger, started_at, ended)
  SELECT d.event_id, d.id, GREATEST(d.fence, COALESCE((
      SELECT max(n) FROM delivery_attempt b
      WHERE b.event_id = d.event_id AND b.delivery_id = d.id), 0)) + 1,
    'erased', 'the content of the event was deleted', 0, uuidv7(), d.tenant_id, d.endpoint_id,
    d.job_id, d.type, d.url, d.trigger, now(), :discarded
  FROM d)
SELECT o.full, (SELECT count(*) FROM d) AS discarded FROM o
""")


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure did.

    Attributes:
        anything: Whether there was still something to erase.
        discarded: Pending deliveries that ended with it.
    """

    anything: bool
    discarded: int


async def erase_event(
    connection: AsyncConnection, tenant_id: int, event_id: UUID
) -> Erased | None:
    """Delete what an event says, and what was answered to it; ``None`` if there is none such.

    Its deliveries that are pending end as discarded.
    """
    values = {"tenant_id": tenant_id, "id": event_id, "discarded": int(Ended.DISCARDED)}
    row = (await connection.execute(_ERASE, values)).one_or_none()
    return None if row is None else Erased(bool(row.full) or row.discarded > 0, row.discarded)

"""Resend: one event once more to one receiver, or a pending delivery brought forward."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.webhooks import Trigger

# Of events that were written before they had a number it is 0.
SEQUENCE: Final = """
COALESCE(CAST(substring(convert_from(substring(o.body FROM 1 FOR 400), 'LATIN1')
  FROM '"sequence":([0-9]{1,18})') AS bigint), 0)"""
"""The number of an event ``o`` among those of its job: its envelope begins with it."""

# Whoever asks for one delivery does not wait for a breaker: the lane is looked at now.
WOKEN: Final = """
woken AS (
  INSERT INTO webhook_lane AS l (id, tenant_id, endpoint_id, origin, next_due_at)
  SELECT lane_id, tenant_id, endpoint_id, origin, now() FROM owed
  ON CONFLICT (id) DO UPDATE SET next_due_at = now()
  WHERE l.next_due_at IS NULL OR l.next_due_at > now())
"""
"""Wakes the lanes of ``owed``."""

# An erasure that is under way is waited for.
_RESEND: Final = text(f"""
WITH o AS MATERIALIZED (
  SELECT id, job_id, kind, body FROM outbox
  WHERE tenant_id = :tenant_id AND id = :event_id FOR SHARE),
owed AS (
  INSERT INTO delivery (id, event_id, job_id, tenant_id, url, origin, endpoint_id, kind, seq,
    trigger)
  SELECT :id, o.id, o.job_id, :tenant_id, :url, :origin, :endpoint_id, o.kind, {SEQUENCE},
    :trigger
  FROM o WHERE octet_length(o.body) > 0
  RETURNING id, lane_id, tenant_id, endpoint_id, origin),
{WOKEN}
SELECT id FROM owed
""")

_FORWARD: Final = text(f"""
WITH owed AS (
  UPDATE delivery SET next_at = now(), rank = 0, trigger = :trigger
  WHERE id = :id AND tenant_id = :tenant_id
  RETURNING id, lane_id, tenant_id, endpoint_id, origin),
{WOKEN}
SELECT id FROM owed
""")

_URL_OF_JOB: Final = text("""
SELECT p.body #>> '{webhook,url}' AS url FROM job j JOIN payload p ON p.job_id = j.id
WHERE j.id = :job_id AND j.tenant_id = :tenant_id
""")


@dataclass(frozen=True, slots=True)
class Resend:
    """A delivery to make.

    Attributes:
        endpoint_id: ``None``: the URL came with the job.
        origin: ``url``'s ``scheme://host:port``.
        trigger: Why.
    """

    id: UUID
    tenant_id: int
    event_id: UUID
    url: str
    origin: str
    endpoint_id: UUID | None
    trigger: Trigger = Trigger.MANUAL


async def add_resend(connection: AsyncConnection, resend: Resend) -> bool:
    """Owe an event once more; ring ``DELIVER`` after the commit.

    Returns:
        Whether there is anything to send: the event is there, and so is its content.
    """
    values = {
        "id": resend.id,
        "tenant_id": resend.tenant_id,
        "event_id": resend.event_id,
        "url": resend.url,
        "origin": resend.origin,
        "endpoint_id": resend.endpoint_id,
        "trigger": int(resend.trigger),
    }
    return (await connection.execute(_RESEND, values)).one_or_none() is not None


async def bring_forward(connection: AsyncConnection, tenant_id: int, delivery_id: UUID) -> bool:
    """Let a pending delivery be tried now; return whether it was still pending."""
    values = {"tenant_id": tenant_id, "id": delivery_id, "trigger": int(Trigger.MANUAL)}
    return (await connection.execute(_FORWARD, values)).one_or_none() is not None


async def url_of_job(connection: AsyncConnection, tenant_id: int, job_id: UUID) -> str | None:
    """Return the URL that came with a tenant's job, if one did."""
    values = {"tenant_id": tenant_id, "job_id": job_id}
    row = (await connection.execute(_URL_OF_JOB, values)).one_or_none()
    return None if row is None else row.url

"""Publish: events that do not belong to a job's end, with the deliveries owed for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.fan_out import FAN_OUT, LISTENING
from infra.postgres.hot import HotStatement
from schemas.events import OutboxKind
from schemas.webhooks import Trigger


@dataclass(frozen=True, slots=True)
class Publication:
    """An event to write down, and to whom it goes.

    Attributes:
        id: UUIDv7; the envelope's ``evt_…``.
        body: The exact bytes, outputs included.
        job_id: ``None``: it is about no job.
        seq: The envelope's ``sequence``: the order among the events of the job.
        thin: The event without outputs, where it differs.
        channels: The job's.
        labels: The job's metadata, as JSON, if it has any.
        delivery_id: Of the delivery to ``url``, if there is one.
        url: What came with the job, if that asks for the event.
        origin: ``url``'s ``scheme://host:port``.
        endpoint_id: It goes to this endpoint alone, be it disabled; ``None``: to every enabled
            endpoint of the tenant that asks for it.
        trigger: Why.
    """

    id: UUID
    tenant_id: int
    kind: OutboxKind
    type: str
    body: bytes
    job_id: UUID | None = None
    seq: int = 0
    thin: bytes | None = None
    channels: Sequence[str] = ()
    labels: str | None = None
    delivery_id: UUID | None = None
    url: str | None = None
    origin: str | None = None
    endpoint_id: UUID | None = None
    trigger: Trigger = Trigger.SCHEDULED


# Progress that was not sent yet is no news once there is newer. What somebody holds at this
# moment is being sent, or ended: it is left to them.
_PUBLISH: Final = HotStatement(f"""
WITH x AS MATERIALIZED (
  SELECT * FROM unnest(
    CAST(:ids AS uuid[]), CAST(:tenants AS bigint[]), CAST(:kinds AS smallint[]),
    CAST(:types AS text[]), CAST(:bodies AS bytea[]), CAST(:jobs AS uuid[]),
    CAST(:seqs AS bigint[]), CAST(:thins AS bytea[]), CAST(:channels AS text[]),
    CAST(:deliveries AS uuid[]), CAST(:urls AS text[]), CAST(:origins AS text[]),
    CAST(:endpoints AS uuid[]), CAST(:triggers AS smallint[]), CAST(:labels AS text[]))
  AS x(event_id, tenant_id, kind, type, body, job_id, seq, thin, channels, delivery_id, url,
       origin, endpoint_id, trigger, labels)),
old AS (
  DELETE FROM delivery WHERE id = ANY(ARRAY(
    SELECT v.id FROM x d CROSS JOIN LATERAL (
      SELECT id FROM delivery
      WHERE job_id = d.job_id AND tenant_id = d.tenant_id AND kind = :progress
        AND seq < d.seq
      FOR UPDATE SKIP LOCKED) v
    WHERE d.kind = :progress))),
o AS (
  INSERT INTO outbox (job_id, id, kind, type, body, tenant_id, thin, channels)
  SELECT job_id, event_id, kind, type, body, tenant_id, thin, string_to_array(channels, ',')
  FROM x ON CONFLICT DO NOTHING RETURNING id),
due AS MATERIALIZED (SELECT x.* FROM x JOIN o ON o.id = x.event_id),
{LISTENING},
{FAN_OUT}
SELECT event_id FROM owed
""")


async def publish_events(
    connection: AsyncConnection, publications: Sequence[Publication]
) -> int:
    """Write events and what is owed for them; ring ``DELIVER`` after the commit if it is any.

    Of one job at most one event is progress. An event that was written before, by a commit
    whose answer was lost, is not written again.

    Returns:
        How many deliveries were made.
    """
    if not publications:
        return 0
    rows = await _PUBLISH.run(
        connection,
        {
            "ids": [p.id for p in publications],
            "tenants": [p.tenant_id for p in publications],
            "kinds": [int(p.kind) for p in publications],
            "types": [p.type for p in publications],
            "bodies": [p.body for p in publications],
            "jobs": [p.job_id or p.id for p in publications],
            "seqs": [p.seq for p in publications],
            "thins": [p.thin for p in publications],
            "channels": [",".join(p.channels) or None for p in publications],
            "deliveries": [p.delivery_id for p in publications],
            "urls": [p.url for p in publications],
            "origins": [p.origin for p in publications],
            "endpoints": [p.endpoint_id for p in publications],
            "triggers": [int(p.trigger) for p in publications],
            "labels": [p.labels for p in publications],
            "progress": int(OutboxKind.PROGRESS),
        },
    )
    return len(rows)

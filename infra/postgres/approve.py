"""Approve: the end of a job whose output waited for a person and was let pass.

No attempt is involved any more: the one that made it ended when the job was held. What it made
becomes the job's result in the transaction that closes the review item.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.fan_out import DUE_OF_ENDS, FAN_OUT, LISTENING, THIN_IF_WANTED
from infra.postgres.finish import Event, Finished
from infra.postgres.provenance import RECORDS_OF_ENDS
from infra.postgres.publish import publish_events
from infra.postgres.sealed_content import Made, seal_made
from infra.postgres.usage import USED_BY_ENDS
from schemas.cost import Cost
from schemas.events import OutboxKind
from schemas.job_states import Hold


@dataclass(frozen=True, slots=True)
class Approval:
    """A job's success that a person let happen. All texts are JSON.

    Attributes:
        fence: Of the job as it waits.
        made_under: Of the attempt that made it.
        started_at: When that attempt started.
        finished_at: PostgreSQL's time.
        body: What is kept beside the artifacts.
        actual: What it really took, if the model server told.
        marks: What the registry is to know of it.
    """

    job_id: UUID
    tenant_id: int
    end_user: str | None
    fence: int
    made_under: int
    started_at: datetime
    finished_at: datetime
    event: Event
    body: str | None
    artifacts: str | None
    verdict: str
    actual: Cost | None = None
    marks: str | None = None


_MOST_TOLD: Final = 10**9
_MOST_MONEY: Final = 10**15

# Settled as by a finish: see infra.postgres.finish. What the model took was counted when the
# job was held.
_APPROVE: Final = text(f"""
WITH d AS (
  DELETE FROM live
  WHERE job_id = :job_id AND fence = :fence AND state = 0 AND hold = :hold
  RETURNING job_id, fence, tenant_id, attempt, releases, budgeted,
    CAST(:event_id AS uuid) AS event_id, CAST(:type AS text) AS type,
    CAST(:channels AS text) AS channels, CAST(:labels AS text) AS labels,
    CAST(:delivery_id AS uuid) AS delivery_id, CAST(:url AS text) AS url,
    CAST(:origin AS text) AS origin, CAST(:event_body AS bytea) AS event_body,
    CAST(:thin AS bytea) AS thin, CAST(:finished_at AS timestamptz) AS finished_at,
    CAST(:marks AS text) AS marks, 1 AS outcome,
    CAST(CAST(:body AS text) AS jsonb) -> 'facts' AS facts,
    CAST(CAST(:body AS text) AS jsonb) -> 'served_by' AS by),
b AS (
  UPDATE reservation v SET spent_images = COALESCE(CAST(:images AS int), v.images),
    spent_tokens = COALESCE(CAST(:tokens AS int), v.tokens),
    spent_money = LEAST(:most, COALESCE(
      CAST(d.facts #>> '{{cost,actual}}' AS bigint), CAST(v.money AS numeric) * CASE
      WHEN v.images > 0
        THEN COALESCE(CAST(:images AS int), v.images) / CAST(v.images AS numeric)
      WHEN v.tokens > 0
        THEN COALESCE(CAST(:tokens AS int), v.tokens) / CAST(v.tokens AS numeric)
      ELSE 1 END))
  FROM d WHERE d.budgeted AND v.job_id = d.job_id
  RETURNING v.job_id, v.spent_money),
r AS (
  INSERT INTO result (job_id, fence, body, artifacts)
  SELECT job_id, :made_under, CAST(:body AS jsonb), CAST(:artifacts AS jsonb) FROM d),
j AS (
  UPDATE job SET final_state = 10, started_at = :started_at, finished_at = d.finished_at,
    attempts = d.attempt, releases = d.releases, spent = COALESCE(b.spent_money,
      CAST(d.facts #>> '{{cost,actual}}' AS bigint)),
    error = NULL, verdict = CAST(:verdict AS jsonb)
  FROM d LEFT JOIN b ON b.job_id = d.job_id WHERE job.id = d.job_id
  RETURNING d.tenant_id, d.finished_at, job.lane, 10 AS state, d.facts - 'took' AS facts,
    d.by, job.kind, job.model AS asked, job.end_user, job.batch_id, job.spent),
{USED_BY_ENDS},
{RECORDS_OF_ENDS},
{DUE_OF_ENDS},
{LISTENING},
o AS (
  INSERT INTO outbox (job_id, id, kind, type, at, body, tenant_id, thin, channels)
  SELECT job_id, event_id, :terminal, type, finished_at, event_body, tenant_id,
    {THIN_IF_WANTED}, string_to_array(channels, ',') FROM d),
{FAN_OUT}
SELECT job_id, EXISTS (SELECT 1 FROM owed) AS owed FROM d
""")


async def approve_output(connection: AsyncConnection, approval: Approval) -> Finished:
    """End a job, locked by this transaction while it waited, with what was made for it."""
    approval = await _sealed(connection, approval)
    event, actual = approval.event, approval.actual
    rows = await connection.execute(
        _APPROVE,
        {
            "job_id": approval.job_id,
            "fence": approval.fence,
            "made_under": approval.made_under,
            "started_at": approval.started_at,
            "finished_at": approval.finished_at,
            "body": approval.body,
            "artifacts": approval.artifacts,
            "verdict": approval.verdict,
            "images": _within(actual.images) if actual else None,
            "tokens": _within(actual.tokens) if actual else None,
            "event_id": event.id,
            "type": event.type,
            "event_body": event.body,
            "thin": event.thin,
            "marks": approval.marks,
            "channels": event.joined_channels,
            "labels": event.labels,
            "delivery_id": event.delivery_id,
            "url": event.url,
            "origin": event.origin,
            "hold": int(Hold.REVIEW),
            "most": _MOST_MONEY,
            "terminal": int(OutboxKind.TERMINAL),
        },
    )
    ended: Sequence[tuple[UUID, bool]] = [(row.job_id, row.owed) for row in rows]
    told = await publish_events(connection, [event.besides] if ended and event.besides else [])
    owed = told > 0 or any(owed for _, owed in ended)
    return Finished({job_id for job_id, _ in ended}, unparked=False, owed=owed)


async def _sealed(connection: AsyncConnection, approval: Approval) -> Approval:
    event = approval.event
    made = Made(
        approval.job_id,
        approval.tenant_id,
        approval.end_user,
        event.id,
        approval.body,
        # Without a form without outputs there are none.
        None if event.thin is None else event.body,
    )
    ((body, told),) = await seal_made(connection, [made])
    event = event if told is None else replace(event, body=told)
    return replace(approval, body=body or approval.body, event=event)


def _within(told: int) -> int:
    return max(0, min(told, _MOST_TOLD))

"""Withdraw: the end of jobs that wait. The ledger ends them itself; no attempt is involved.

A row is locked first and ended by a second statement of the same transaction. A release that
is under way in the broker finds nothing to start.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.fan_out import DUE_OF_ENDS, FAN_OUT, LISTENING, THIN_IF_WANTED
from infra.postgres.finish import Event, Finished
from infra.postgres.publish import publish_events
from schemas import generation, lanes
from schemas.events import OutboxKind
from schemas.job import NATIVE, JobRecord
from schemas.job_states import JobState


@dataclass(frozen=True, slots=True)
class WaitingJob:
    """A job that no worker runs, locked until the end of the transaction.

    Attributes:
        job: As its caller sees it.
        fence: Of its last release.
        webhook: ``{"url", "events"}`` if the job's end is to be announced.
        start_by: It expires if it has not started by then.
        found_at: PostgreSQL's time when it was locked.
        channels: Words by which endpoints choose what they are told.
    """

    job: JobRecord
    fence: int
    webhook: Mapping[str, Any] | None
    start_by: datetime | None
    found_at: datetime
    channels: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """The end of a job that waits. ``error`` and ``verdict`` are JSON texts.

    Attributes:
        verdict: What safety decided, if that is why.
    """

    job_id: UUID
    fence: int
    state: JobState
    finished_at: datetime
    event: Event
    error: str
    verdict: str | None = None


# Flows are unparked under locks taken in key order, as finish does it.
_WITHDRAW: Final = text(f"""
WITH x AS MATERIALIZED (
  SELECT * FROM unnest(
    CAST(:ids AS uuid[]), CAST(:fences AS int[]), CAST(:states AS smallint[]),
    CAST(:finished AS timestamptz[]), CAST(:errors AS text[]), CAST(:events AS uuid[]),
    CAST(:types AS text[]), CAST(:event_bodies AS bytea[]), CAST(:deliveries AS uuid[]),
    CAST(:urls AS text[]), CAST(:origins AS text[]), CAST(:thins AS bytea[]),
    CAST(:channels AS text[]), CAST(:labels AS text[]), CAST(:verdicts AS text[]))
  AS x(job_id, fence, final_state, finished_at, error, event_id, type, event_body, delivery_id,
       url, origin, thin, channels, labels, verdict)),
d AS (
  DELETE FROM live USING x
  WHERE live.job_id = x.job_id AND live.fence = x.fence AND live.state < 4
  RETURNING x.*, live.lane, live.tenant_id, live.attempt, live.releases, live.state,
    live.budgeted),
b AS (
  UPDATE reservation v SET spent_money = 0, spent_images = 0, spent_tokens = 0
  FROM d WHERE d.budgeted AND v.job_id = d.job_id),
j AS (
  UPDATE job SET final_state = d.final_state, finished_at = d.finished_at,
    attempts = d.attempt, releases = d.releases, error = CAST(d.error AS jsonb),
    verdict = COALESCE(CAST(d.verdict AS jsonb), job.verdict)
  FROM d WHERE job.id = d.job_id),
{DUE_OF_ENDS},
{LISTENING},
o AS (
  INSERT INTO outbox (job_id, id, kind, type, at, body, tenant_id, thin, channels)
  SELECT job_id, event_id, :terminal, type, finished_at, event_body, tenant_id,
    {THIN_IF_WANTED}, string_to_array(channels, ',') FROM d),
{FAN_OUT},
k AS MATERIALIZED (
  SELECT f.lane, f.tenant_id FROM flow f
  JOIN (SELECT DISTINCT lane, tenant_id FROM d WHERE state = 3) t
    ON t.lane = f.lane AND t.tenant_id = f.tenant_id
  WHERE f.park_reason = 1 AND f.parked_until IS NOT NULL
  ORDER BY f.lane, f.tenant_id FOR NO KEY UPDATE OF f),
f AS (
  UPDATE flow SET parked_until = NULL, park_reason = NULL FROM k
  WHERE flow.lane = k.lane AND flow.tenant_id = k.tenant_id)
SELECT job_id, EXISTS (SELECT 1 FROM k) AS unparked, EXISTS (SELECT 1 FROM owed) AS owed FROM d
""")


async def withdraw_jobs(
    connection: AsyncConnection, withdrawals: Sequence[Withdrawal]
) -> Finished:
    """End jobs for good that this transaction has locked while they waited."""
    if not withdrawals:
        return Finished(set(), unparked=False)
    rows = (await connection.execute(_WITHDRAW, _columns(withdrawals))).all()
    ended = {row.job_id for row in rows}
    besides = [w.event.besides for w in withdrawals if w.event.besides and w.job_id in ended]
    told = await publish_events(connection, besides)
    owed = told > 0 or any(row.owed for row in rows)
    return Finished(ended, any(row.unparked for row in rows), owed)


def waiting_of_row(row: Row[Any]) -> WaitingJob:
    """Return the job that a locked row of ``live``, with ``job`` and ``payload``, describes."""
    record = JobRecord(
        id=row.job_id,
        tenant_id=row.tenant_id,
        kind=generation.BY_NUMBER[row.kind],
        model=row.model,
        lane=lanes.BY_NUMBER[row.lane],
        priority=row.priority,
        state=JobState(row.state),
        created_at=row.created_at,
        input=row.body.get("input", {}),
        attempts=row.attempt,
        metadata=row.labels or {},
        tags=row.tags or (),
        retry_of=row.redrive_of,
        end_user=row.end_user,
        deadline=row.deadline,
        face=row.body.get("face", NATIVE),
    )
    return WaitingJob(
        record,
        row.fence,
        row.body.get("webhook"),
        row.start_by,
        row.found_at,
        row.body.get("channels") or (),
    )


def _columns(withdrawals: Sequence[Withdrawal]) -> dict[str, Any]:
    return {
        "ids": [w.job_id for w in withdrawals],
        "fences": [w.fence for w in withdrawals],
        "states": [int(w.state) for w in withdrawals],
        "finished": [w.finished_at for w in withdrawals],
        "errors": [w.error for w in withdrawals],
        "events": [w.event.id for w in withdrawals],
        "types": [w.event.type for w in withdrawals],
        "event_bodies": [w.event.body for w in withdrawals],
        "deliveries": [w.event.delivery_id for w in withdrawals],
        "urls": [w.event.url for w in withdrawals],
        "origins": [w.event.origin for w in withdrawals],
        "thins": [w.event.thin for w in withdrawals],
        "channels": [w.event.joined_channels for w in withdrawals],
        "labels": [w.event.labels for w in withdrawals],
        "verdicts": [w.verdict for w in withdrawals],
        "terminal": int(OutboxKind.TERMINAL),
    }

"""Finish: how jobs end that a worker ran. Every write names the job's fence.

Everything owed because of an end commits with it: result, attempt, final state, terminal event
and the delivery to the receiver. A claim that was superseded writes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.ended_before import ended_before
from infra.postgres.fan_out import DUE_OF_ENDS, FAN_OUT, LISTENING, THIN_IF_WANTED
from infra.postgres.hot import HotStatement
from infra.postgres.provenance import RECORDS_OF_ENDS
from infra.postgres.publish import Publication, publish_events
from infra.postgres.release import VTIME_SCALE
from infra.postgres.sealed_content import Made, seal_made
from infra.postgres.usage import USED_BY_ENDS, Lost, add_work
from schemas.claim import Claim
from schemas.cost import ORDINARY, Cost
from schemas.events import OutboxKind
from schemas.job_states import AttemptOutcome, JobState
from schemas.work import NO_WORK, Work


@dataclass(frozen=True, slots=True)
class Event:
    """A terminal event: its id, type and exact bytes, and what the job says of where it goes.

    Attributes:
        thin: The event without outputs, where it differs.
        channels: The job's.
        labels: The job's metadata, as JSON, if it has any.
        delivery_id: Of the delivery to ``url``, if there is one.
        url: What came with the job.
        origin: ``url``'s ``scheme://host:port``.
        besides: What else is told of the end; it is then part of a whole transaction.
    """

    id: UUID
    type: str
    body: bytes
    thin: bytes | None = None
    channels: Sequence[str] = ()
    labels: str | None = None
    delivery_id: UUID | None = None
    url: str | None = None
    origin: str | None = None
    besides: Publication | None = None

    @property
    def joined_channels(self) -> str | None:
        """Return the channels as one text: arrays of arrays are no columns."""
        return ",".join(self.channels) or None


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a job. All texts are JSON.

    Attributes:
        actual: What the job really took, if its model server told: the tenant's share is
            charged for that instead of the estimate.
        checks: What safety found at each stage.
        verdict: What it decided, if that was more than to let the job pass.
        marks: What the registry is to know of what was made.
        work: What the attempt's call of a model gave and took, if it was for nothing; it is
            then part of a whole transaction. Of a success ``body`` tells it.
    """

    claim: Claim
    state: JobState
    outcome: AttemptOutcome
    finished_at: datetime
    event: Event
    body: str | None = None
    artifacts: str | None = None
    error: str | None = None
    actual: Cost | None = None
    checks: str | None = None
    verdict: str | None = None
    marks: str | None = None
    work: Work = NO_WORK


@dataclass(frozen=True, slots=True)
class Finished:
    """What a finish did.

    Attributes:
        jobs: The jobs that these claims ended, now or in an earlier call whose answer was
            lost. A job that is missing was superseded: its attempt's work is void.
        unparked: A flow that stood at its limit may release again.
        owed: Deliveries were made: ring for them.
    """

    jobs: set[UUID]
    unparked: bool
    owed: bool = False


# Between JSON texts, none of which can hold it: the driver takes ten times as long over arrays
# of texts with quotes.
_BETWEEN: Final = "\x1e"


def _texts(name: str) -> str:
    """Return how PostgreSQL reads what ``_joined`` made; an empty text is none."""
    return f"string_to_array(CAST(:{name} AS text), E'\\x1e', '')"


_MOST_TOLD: Final = 10**9
_MOST_MONEY: Final = 10**15

# A reservation is settled by what the job is charged, else by what it took for the price per
# unit at which it was made: a job that did not succeed costs nothing. The row is the job's own,
# so no two finishes meet. Usage counts the same money.
#
# The share of a tenant is corrected by what its jobs took more, or less, than was reckoned. The
# park is lifted under a lock taken in key order: two finishers of the same flows cannot
# wait for each other. Dispatchers never wait (SKIP LOCKED).
#
# No bounds on job.id here, though they would spare a probe per partition: PostgreSQL 18.4, when
# the statement waited for a lock, then takes the table for an empty one, and updates nothing.
_FINISH: Final = HotStatement(f"""
WITH x AS MATERIALIZED (
  SELECT job_id, fence, state, outcome, finished_at, CAST(body AS jsonb) AS made, artifacts,
    error, event_id, type, event_body, delivery_id, url, origin, actual, images, tokens, thin,
    channels, labels, checks, verdict, marks FROM unnest(
    CAST(:ids AS uuid[]), CAST(:fences AS int[]), CAST(:states AS smallint[]),
    CAST(:outcomes AS smallint[]), CAST(:finished AS timestamptz[]), {_texts("bodies")},
    {_texts("artifacts")}, {_texts("errors")}, CAST(:events AS uuid[]),
    CAST(:types AS text[]), CAST(:event_bodies AS bytea[]), CAST(:deliveries AS uuid[]),
    CAST(:urls AS text[]), CAST(:origins AS text[]), CAST(:actuals AS int[]),
    CAST(:images AS int[]), CAST(:tokens AS int[]), CAST(:thins AS bytea[]),
    CAST(:channels AS text[]), {_texts("labels")}, {_texts("checks")},
    {_texts("verdicts")}, {_texts("marks")})
  AS x(job_id, fence, state, outcome, finished_at, body, artifacts, error, event_id, type,
       event_body, delivery_id, url, origin, actual, images, tokens, thin, channels, labels,
       checks, verdict, marks)),
d AS (
  DELETE FROM live USING x
  WHERE live.job_id = x.job_id AND live.fence = x.fence AND live.state = 4
  RETURNING x.*, live.lane, live.tenant_id, live.attempt, live.session_id, live.started_at,
    live.releases, live.cost, live.budgeted),
b AS (
  UPDATE reservation v SET
    spent_images = CASE d.state WHEN 10 THEN COALESCE(d.images, v.images) ELSE 0 END,
    spent_tokens = CASE d.state WHEN 10 THEN COALESCE(d.tokens, v.tokens) ELSE 0 END,
    spent_money = CASE d.state WHEN 10 THEN LEAST(:most, COALESCE(
      CAST(d.made #>> '{{facts,cost,actual}}' AS bigint),
      CAST(v.money AS numeric) * CASE
      WHEN v.images > 0 THEN COALESCE(d.images, v.images) / CAST(v.images AS numeric)
      WHEN v.tokens > 0 THEN COALESCE(d.tokens, v.tokens) / CAST(v.tokens AS numeric)
      ELSE 1 END)) ELSE 0 END
  FROM d WHERE d.budgeted AND v.job_id = d.job_id
  RETURNING v.job_id, v.spent_money),
r AS (
  INSERT INTO result (job_id, fence, body, artifacts)
  SELECT job_id, fence, made, CAST(artifacts AS jsonb) FROM d WHERE outcome = 1),
a AS (
  INSERT INTO attempt (job_id, fence, n, outcome, session_id, started_at, ended_at, detail,
    checks)
  SELECT job_id, fence, attempt, outcome, session_id, started_at, finished_at,
    CAST(error AS jsonb), CAST(checks AS jsonb) FROM d),
j AS (
  UPDATE job SET final_state = d.state, started_at = d.started_at,
    finished_at = d.finished_at, attempts = d.attempt, releases = d.releases,
    error = CAST(d.error AS jsonb), spent = COALESCE(b.spent_money,
      CAST(d.made #>> '{{facts,cost,actual}}' AS bigint)),
    verdict = COALESCE(CAST(d.verdict AS jsonb), job.verdict)
  FROM d LEFT JOIN b ON b.job_id = d.job_id WHERE job.id = d.job_id
  RETURNING d.tenant_id, d.finished_at, d.lane, d.state, d.made -> 'facts' AS facts,
    d.made -> 'served_by' AS by, job.kind, job.model AS asked, job.end_user,
    job.batch_id, job.spent),
{USED_BY_ENDS},
{RECORDS_OF_ENDS},
{DUE_OF_ENDS},
{LISTENING},
o AS (
  INSERT INTO outbox (job_id, id, kind, type, at, body, tenant_id, thin, channels)
  SELECT job_id, event_id, :terminal, type, finished_at, event_body, tenant_id,
    {THIN_IF_WANTED}, string_to_array(channels, ',') FROM d),
{FAN_OUT},
k AS MATERIALIZED (
  SELECT f.lane, f.tenant_id, t.difference,
    f.park_reason = 1 AND f.parked_until IS NOT NULL AS parked
  FROM flow f
  JOIN (SELECT lane, tenant_id, COALESCE(sum(actual - cost), 0) AS difference
        FROM d GROUP BY lane, tenant_id) t
    ON t.lane = f.lane AND t.tenant_id = f.tenant_id
  WHERE (f.park_reason = 1 AND f.parked_until IS NOT NULL) OR t.difference <> 0
  ORDER BY f.lane, f.tenant_id FOR NO KEY UPDATE OF f),
f AS (
  UPDATE flow SET
    parked_until = CASE WHEN flow.park_reason = 1 THEN NULL ELSE flow.parked_until END,
    park_reason = NULLIF(flow.park_reason, 1),
    vtime = GREATEST(flow.vtime + k.difference * :scale / flow.weight, 0)
  FROM k WHERE flow.lane = k.lane AND flow.tenant_id = k.tenant_id)
SELECT job_id, EXISTS (SELECT 1 FROM k WHERE parked) AS unparked,
  EXISTS (SELECT 1 FROM owed) AS owed FROM d
""")


async def finish_jobs(connection: AsyncConnection, endings: Sequence[Ending]) -> Finished:
    """End jobs for good, and let flows go on that waited at their limit."""
    # Rows are locked in key order, as by everybody who locks several and waits: no deadlock.
    endings = sorted(endings, key=lambda ending: ending.claim.job_id)
    ids = [ending.claim.job_id for ending in endings]
    rows = await _FINISH.run(connection, _columns(await _sealed(connection, endings)))
    ended = {row.job_id for row in rows}
    lost = [Lost(e.claim, e.finished_at, e.work) for e in endings if e.work.model]
    await add_work(connection, [one for one in lost if one.claim.job_id in ended])
    # What an earlier commit ended was told of by that commit.
    besides = [e.event.besides for e in endings if e.event.besides and e.claim.job_id in ended]
    told = await publish_events(connection, besides)
    if len(ended) < len(ids):
        missing = [ending for ending in endings if ending.claim.job_id not in ended]
        ended |= await ended_before(connection, missing)
    # Of an answer that was lost nobody knows what it said.
    owed = any(row.owed for row in rows) or len(ended) > len(rows) or told > 0
    return Finished(ended, any(row.unparked for row in rows), owed)


async def _sealed(connection: AsyncConnection, endings: Sequence[Ending]) -> list[Ending]:
    """Return endings with what was made sealed; most have none, or pictures alone."""
    made = [
        Made(
            ending.claim.job_id,
            ending.claim.tenant_id,
            ending.claim.end_user,
            ending.event.id,
            ending.body,
            # Without a form without outputs there are none.
            None if ending.event.thin is None else ending.event.body,
        )
        for ending in endings
    ]
    sealed = await seal_made(connection, made)
    return [
        ending
        if body is None and told is None
        else replace(
            ending,
            body=body,
            event=ending.event if told is None else replace(ending.event, body=told),
        )
        for ending, (body, told) in zip(endings, sealed, strict=True)
    ]


def _joined(texts: Sequence[str | None]) -> str:
    """Return JSON texts as one."""
    return _BETWEEN.join([text or "" for text in texts])


def _within(told: int) -> int:
    """Hold what a model server told to what fits into its column."""
    return max(0, min(told, _MOST_TOLD))


def _columns(endings: Sequence[Ending]) -> dict[str, Any]:
    return {
        "ids": [e.claim.job_id for e in endings],
        "fences": [e.claim.fence for e in endings],
        "states": [int(e.state) for e in endings],
        "outcomes": [int(e.outcome) for e in endings],
        "finished": [e.finished_at for e in endings],
        "bodies": _joined([e.body for e in endings]),
        "artifacts": _joined([e.artifacts for e in endings]),
        "errors": _joined([e.error for e in endings]),
        "events": [e.event.id for e in endings],
        "types": [e.event.type for e in endings],
        "event_bodies": [e.event.body for e in endings],
        "deliveries": [e.event.delivery_id for e in endings],
        "urls": [e.event.url for e in endings],
        "origins": [e.event.origin for e in endings],
        "actuals": [e.actual.units if e.actual else None for e in endings],
        "images": [_within(e.actual.images) if e.actual else None for e in endings],
        "tokens": [_within(e.actual.tokens) if e.actual else None for e in endings],
        "thins": [e.event.thin for e in endings],
        "channels": [e.event.joined_channels for e in endings],
        "labels": _joined([e.event.labels for e in endings]),
        "checks": _joined([e.checks for e in endings]),
        "verdicts": _joined([e.verdict for e in endings]),
        "marks": _joined([e.marks for e in endings]),
        "most": _MOST_MONEY,
        "terminal": int(OutboxKind.TERMINAL),
        "scale": VTIME_SCALE // ORDINARY,
    }

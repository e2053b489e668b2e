"""Calls that wait for a job, so that their repetitions find it: OpenAI's clients send no key.

Who repeats a call is told apart from who makes the same call again by what is said in the
call. A job whose caller went away, or was sent away, is free; a repetition takes the oldest
free job of its digest and holds it. A job's own row is written with the job
(``infra/postgres/submit.py``), so that no process that dies leaves a job which its repetition
cannot find; what is noted later, who waits until when, may be lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.hot import HotStatement

ATTACH_WITHIN: Final = timedelta(minutes=15)
"""How long after its last sign of life a call is repeated."""
_LOST_WITHIN: Final = timedelta(seconds=30)
_BATCH: Final = 1000


@dataclass(frozen=True, slots=True)
class Held:
    """A call that waits for a job, or waited.

    Attributes:
        seconds: How long it is held; 0: nobody waits any more.
        delivered: It is answered with the job's end.
    """

    tenant_id: int
    digest: bytes
    job_id: UUID
    seconds: float = 0.0
    delivered: bool = False


_NOTE: Final = HotStatement("""
INSERT INTO held_call AS h (tenant_id, digest, job_id, held_until, delivered_at)
SELECT x.tenant_id, x.digest, x.job_id, now() + make_interval(secs => x.seconds),
  CASE WHEN x.delivered THEN now() END
FROM unnest(CAST(:tenants AS bigint[]), CAST(:digests AS bytea[]), CAST(:jobs AS uuid[]),
  CAST(:seconds AS float8[]), CAST(:delivered AS boolean[]))
  AS x(tenant_id, digest, job_id, seconds, delivered)
ON CONFLICT (tenant_id, digest, job_id) DO UPDATE
SET held_until = EXCLUDED.held_until,
  delivered_at = COALESCE(EXCLUDED.delivered_at, h.delivered_at)
""")

# Who is free is asked again once the row is locked: of ten repetitions each gets its own. If
# nobody is: an answer that was just lost on its way; a call whose process died, or has not yet
# noticed that its client left; an answer that was lost longer ago.
_ATTACH: Final = text("""
WITH free AS MATERIALIZED (
  SELECT job_id FROM held_call
  WHERE tenant_id = :tenant_id AND digest = :digest AND delivered_at IS NULL
    AND (held_until <= now() OR job_id = CAST(:unsure AS uuid))
    AND held_until > now() - CAST(:within AS interval)
  ORDER BY job_id LIMIT 1 FOR UPDATE SKIP LOCKED),
other AS (
  SELECT job_id FROM held_call
  WHERE :others AND NOT EXISTS (SELECT 1 FROM free)
    AND tenant_id = :tenant_id AND digest = :digest
    AND (delivered_at > now() - CAST(:within AS interval)
      OR delivered_at IS NULL AND held_until > now())
  ORDER BY
    CASE WHEN delivered_at > now() - CAST(:lost AS interval) THEN 0
      WHEN delivered_at IS NULL THEN 1 ELSE 2 END,
    delivered_at DESC, held_until, job_id
  LIMIT 1)
UPDATE held_call h SET held_until = now() + make_interval(secs => :seconds)
FROM (SELECT job_id FROM free UNION ALL SELECT job_id FROM other) x
WHERE h.tenant_id = :tenant_id AND h.digest = :digest AND h.job_id = x.job_id
RETURNING h.job_id
""")

_DROP: Final = text("""
DELETE FROM held_call WHERE tenant_id = :tenant_id AND digest = :digest AND job_id = :job_id
""")

_FORGET: Final = text("""
DELETE FROM held_call WHERE (tenant_id, digest, job_id) IN (
  SELECT tenant_id, digest, job_id FROM held_call
  WHERE created_at < now() - CAST(:within AS interval)
    AND GREATEST(held_until, delivered_at) < now() - CAST(:within AS interval)
  LIMIT :batch FOR UPDATE SKIP LOCKED)
""")


async def note_calls(connection: AsyncConnection, calls: Sequence[Held]) -> None:
    """Write how it stands with some calls, whether they are known or not; no call twice."""
    values = {
        "tenants": [call.tenant_id for call in calls],
        "digests": [call.digest for call in calls],
        "jobs": [call.job_id for call in calls],
        "seconds": [call.seconds for call in calls],
        "delivered": [call.delivered for call in calls],
    }
    await _NOTE.run(connection, values)


async def attach_call(
    connection: AsyncConnection,
    tenant_id: int,
    digest: bytes,
    *,
    seconds: float,
    others: bool,
    unsure: UUID | None = None,
) -> UUID | None:
    """Return the job that a repetition waits for, and hold it; ``None``: there is none.

    Args:
        connection: One statement is a transaction of its own, or one is open.
        tenant_id: Who calls.
        digest: Of what was asked.
        seconds: How long it will wait.
        others: Whether a job will do that is held, or whose answer was sent.
        unsure: A job that nobody waits for, whatever its row says, if it was written at all.
    """
    found = await connection.execute(
        _ATTACH,
        {
            "tenant_id": tenant_id,
            "digest": digest,
            "seconds": seconds,
            "others": others,
            "unsure": unsure,
            "within": ATTACH_WITHIN,
            "lost": _LOST_WITHIN,
        },
    )
    return found.scalar_one_or_none()


async def drop_call(
    connection: AsyncConnection, tenant_id: int, digest: bytes, job_id: UUID
) -> None:
    """Forget a call: its repetition is a call of its own."""
    values = {"tenant_id": tenant_id, "digest": digest, "job_id": job_id}
    await connection.execute(_DROP, values)


async def forget_calls(connection: AsyncConnection) -> bool:
    """Delete some calls that nobody will repeat any more; say whether there may be others."""
    gone = await connection.execute(_FORGET, {"within": ATTACH_WITHIN, "batch": _BATCH})
    return gone.rowcount == _BATCH

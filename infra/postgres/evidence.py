"""What was judged, sealed, for those who review it. One row per job, stage and text."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class NewEvidence:
    """What is to be kept. ``verdict`` is JSON text.

    Attributes:
        subject: The pseudonym of who asked; empty if nobody was named.
        digest: SHA-256 of what was judged.
        body: Sealed; empty where only the digest is kept.
        keep_for: How long, by the policy.
        most: Bodies of one person that are kept per hour; of more, digests only.
    """

    tenant_id: int
    job_id: UUID
    stage: str
    subject: bytes
    digest: bytes
    body: bytes
    verdict: str
    keep_for: timedelta
    most: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was kept of one stage of a job; an empty body: it was not, or is gone."""

    id: UUID
    tenant_id: int
    job_id: UUID
    stage: str
    body: bytes
    at: datetime


# What was kept of a job and stage once is not kept again: an attempt may be repeated.
_KEEP: Final = text("""
INSERT INTO safety_evidence (tenant_id, job_id, stage, subject, digest, body, verdict,
  expires_at)
SELECT :tenant_id, :job_id, :stage, :subject, :digest,
  CASE WHEN :most > (
    SELECT count(*) FROM safety_evidence e
    WHERE e.tenant_id = :tenant_id AND e.subject = :subject
      AND e.at > now() - INTERVAL '1 hour' AND e.body <> '')
  THEN CAST(:body AS bytea) ELSE '' END,
  CAST(:verdict AS jsonb), now() + :keep_for
WHERE NOT EXISTS (
  SELECT 1 FROM safety_evidence e
  WHERE e.job_id = :job_id AND e.stage = :stage AND e.digest = :digest)
RETURNING id
""")

_OF_JOB: Final = text("""
SELECT id, tenant_id, job_id, stage, body, at FROM safety_evidence
WHERE tenant_id = :tenant_id AND job_id = :job_id ORDER BY at, id
""")


async def keep_evidence(connection: AsyncConnection, new: NewEvidence) -> bool:
    """Keep what was judged; return whether it was not kept before."""
    values: dict[str, Any] = {name: getattr(new, name) for name in new.__slots__}
    return (await connection.execute(_KEEP, values)).one_or_none() is not None


async def evidence_of(
    connection: AsyncConnection, tenant_id: int, job_id: UUID
) -> Sequence[Evidence]:
    """Return what was kept of a job, in the order in which it was judged."""
    rows = await connection.execute(_OF_JOB, {"tenant_id": tenant_id, "job_id": job_id})
    return [
        Evidence(row.id, row.tenant_id, row.job_id, row.stage, bytes(row.body), row.at)
        for row in rows
    ]

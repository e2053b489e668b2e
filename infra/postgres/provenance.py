"""The registry: what genq made, so that it is found again when a file has lost its marks.

No prompt and no person is in it; it outlives its jobs. Written by the statement that ends them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.provenance import Mark

# A part of the statement that finishes jobs: ``d`` are those that ended, ``marks`` the JSON of
# ``schemas.provenance.Mark``. Of a job without any nothing is unpacked.
RECORDS_OF_ENDS: Final = """
p AS (
  INSERT INTO provenance_record (tenant_id, job_id, fence, index, media_type, sha256, dhash,
    phash, simhash, bands, manifest_id, system, made_at)
  SELECT d.tenant_id, d.job_id, d.fence, m.index, m.media_type, decode(m.sha256, 'hex'),
    decode(m.dhash, 'hex'), decode(m.phash, 'hex'), decode(m.simhash, 'hex'),
    NULLIF(m.bands, '{}'), m.manifest_id, m.system, d.finished_at
  FROM d CROSS JOIN LATERAL jsonb_to_recordset(CAST(d.marks AS jsonb))
    AS m(index int, media_type text, sha256 text, dhash text, phash text, simhash text,
         bands int[], manifest_id text, system text)
  WHERE d.marks IS NOT NULL AND d.outcome = 1)
"""

# Of a job that people let pass, long after its attempt.
_ADD: Final = text(f"""
WITH d AS (SELECT CAST(:tenant_id AS bigint) AS tenant_id, CAST(:job_id AS uuid) AS job_id,
    CAST(:fence AS int) AS fence, CAST(:at AS timestamptz) AS finished_at, 1 AS outcome,
    CAST(:marks AS text) AS marks),
{RECORDS_OF_ENDS}
SELECT 1
""")
_COLUMNS: Final = """
tenant_id, job_id, index AS place, media_type, phash, simhash, system, made_at
"""
# Of several that are the same: the asker's own, and then the first.
_EXACT: Final = text(f"""
SELECT {_COLUMNS} FROM provenance_record WHERE sha256 = :sha256
ORDER BY (tenant_id = :tenant_id) DESC, made_at LIMIT 1
""")
_NEAR: Final = text(f"""
SELECT {_COLUMNS} FROM provenance_record
WHERE bands && CAST(:bands AS int[]) LIMIT :limit
""")
_MOST_CANDIDATES: Final = 5_000


@dataclass(frozen=True, slots=True)
class ProvenanceRecord:
    """One result: whose, which, and how it looks or reads."""

    tenant_id: int
    job_id: UUID
    index: int
    media_type: str
    phash: bytes | None
    simhash: bytes | None
    system: str
    made_at: datetime


async def add_records(
    connection: AsyncConnection,
    marks: Sequence[Mark],
    *,
    tenant_id: int,
    job_id: UUID,
    fence: int,
    at: datetime,
) -> None:
    """Remember what a job made whose end another statement writes.

    Args:
        connection: In the transaction of the job's end.
        marks: Of what is handed out.
        tenant_id: Whose job.
        job_id: The job.
        fence: Of the attempt that made it.
        at: When it was made.
    """
    if marks:
        told = orjson.dumps(list(marks)).decode()
        which = {"tenant_id": tenant_id, "job_id": job_id, "fence": fence, "at": at}
        await connection.execute(_ADD, {**which, "marks": told})


async def find_exact(
    connection: AsyncConnection, sha256: bytes, *, tenant_id: int
) -> ProvenanceRecord | None:
    """Return a result of these very bytes, one of the tenant's own if there is one."""
    row = await connection.execute(_EXACT, {"sha256": sha256, "tenant_id": tenant_id})
    found = row.one_or_none()
    return _record(found) if found else None


async def find_near(
    connection: AsyncConnection, bands: Sequence[int]
) -> list[ProvenanceRecord]:
    """Return results that share a band: they may be near. At most 5,000."""
    rows = await connection.execute(_NEAR, {"bands": list(bands), "limit": _MOST_CANDIDATES})
    return [_record(row) for row in rows]


def _record(row: Row[Any]) -> ProvenanceRecord:
    return ProvenanceRecord(
        tenant_id=row.tenant_id,
        job_id=row.job_id,
        index=row.place,
        media_type=row.media_type,
        phash=bytes(row.phash) if row.phash is not None else None,
        simhash=bytes(row.simhash) if row.simhash is not None else None,
        system=row.system,
        made_at=row.made_at,
    )

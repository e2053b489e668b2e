"""Jobs and what their checks found, newest first: to try a policy on the past."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.short_looks import look_shortly

_PAGE: Final = """
SELECT j.id, j.tenant_id, t.safety_level, j.verdict, (
    SELECT jsonb_agg(a.checks ORDER BY a.fence) FROM attempt a
    WHERE a.job_id = j.id AND a.checks IS NOT NULL) AS checks
FROM job j JOIN tenant t ON t.id = j.tenant_id
WHERE {whose} j.id >= :lowest AND j.id < :before
ORDER BY j.id DESC LIMIT :limit
"""
_OF_TENANT: Final = text(_PAGE.format(whose="j.tenant_id = :tenant_id AND"))
_OF_ALL: Final = text(_PAGE.format(whose=""))


@dataclass(frozen=True, slots=True)
class JudgedJob:
    """A job and its verdicts.

    Attributes:
        level: At which its tenant is judged now.
        verdict: The gravest, as ``schemas.checks.job_verdict`` keeps it.
        checks: Of each attempt that was judged, by stage.
    """

    id: UUID
    tenant_id: int
    level: str
    verdict: Mapping[str, Any] | None
    checks: Sequence[Mapping[str, Mapping[str, Any]]]


async def judged_jobs(
    connection: AsyncConnection,
    tenant_id: int | None,
    *,
    lowest: UUID,
    before: UUID,
    limit: int,
) -> list[JudgedJob]:
    """Return jobs with ids from ``lowest`` to below ``before``, newest first.

    Args:
        connection: Reads by indexes alone from here on.
        tenant_id: Whose; ``None`` is everybody's.
        lowest: The oldest that is of interest.
        before: The last of the page before.
        limit: At most so many.
    """
    await look_shortly(connection)
    span = {"lowest": lowest, "before": before, "limit": limit}
    if tenant_id is None:
        rows = await connection.execute(_OF_ALL, span)
    else:
        rows = await connection.execute(_OF_TENANT, {**span, "tenant_id": tenant_id})
    return [
        JudgedJob(row.id, row.tenant_id, row.safety_level, row.verdict, row.checks or ())
        for row in rows
    ]

"""Were attempts ended by these very claims? The answer to an earlier commit may be lost."""

from collections.abc import Sequence
from typing import Final, Protocol
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.claim import Claim
from schemas.job_states import AttemptOutcome


class EndedAttempt(Protocol):
    """What every end of an attempt names."""

    @property
    def claim(self) -> Claim:
        """The attempt."""
        ...

    @property
    def outcome(self) -> AttemptOutcome:
        """How it ended."""
        ...


# The answer to an earlier commit was lost: the attempt row under my fence says that it was me.
_MINE: Final = text("""
SELECT a.job_id FROM attempt a
JOIN unnest(CAST(:ids AS uuid[]), CAST(:fences AS int[]), CAST(:outcomes AS smallint[]))
  AS x(job_id, fence, outcome)
  ON x.job_id = a.job_id AND x.fence = a.fence AND x.outcome = a.outcome
""")


async def ended_before(connection: AsyncConnection, ends: Sequence[EndedAttempt]) -> set[UUID]:
    """Return the jobs whose attempts were ended by these very claims already."""
    rows = await connection.execute(
        _MINE,
        {
            "ids": [end.claim.job_id for end in ends],
            "fences": [end.claim.fence for end in ends],
            "outcomes": [int(end.outcome) for end in ends],
        },
    )
    return {row.job_id for row in rows}

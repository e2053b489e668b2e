"""Strikes: who was blocked, or tried to get around it. A lift ends what came before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

BLOCK: Final = "block"
EVASION: Final = "evasion"
LIFT: Final = "lift"
"""No strike: those of the same person before it count no more."""

# Of one person as many are compared with; whoever has more is sanctioned anyway.
_COMPARED: Final = 50

_CLOCK: Final = text("SELECT clock_timestamp()")
_ADD: Final = text("""
INSERT INTO safety_strike (tenant_id, subject, kind, weight, vector)
SELECT * FROM unnest(CAST(:tenants AS bigint[]), CAST(:subjects AS bytea[]),
  CAST(:kinds AS text[]), CAST(:weights AS smallint[]), CAST(:vectors AS bytea[]))
  AS s(tenant_id, subject, kind, weight, vector)
""")
_VECTORS: Final = text("""
SELECT n.nth, s.vector FROM unnest(CAST(:tenants AS bigint[]), CAST(:subjects AS bytea[]))
  WITH ORDINALITY AS n(tenant_id, subject, nth)
CROSS JOIN LATERAL (
  SELECT vector FROM safety_strike s WHERE s.tenant_id = n.tenant_id
    AND s.subject = n.subject AND s.at > now() - CAST(:window AS interval)
    AND s.vector IS NOT NULL
  ORDER BY s.at DESC LIMIT :most) AS s
""")
# For the cache of a process, which sorts them by tenant and person.
_SINCE: Final = text("""
SELECT id, tenant_id, subject, kind, weight, at FROM safety_strike
WHERE at > GREATEST(CAST(:since AS timestamptz), now() - CAST(:window AS interval))
ORDER BY at DESC LIMIT :limit
""")
_OF_TENANT: Final = text("""
SELECT id, tenant_id, subject, kind, weight, at FROM safety_strike
WHERE tenant_id = :tenant_id AND at > now() - CAST(:window AS interval)
ORDER BY at DESC LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class NewStrike:
    """A strike to keep.

    Attributes:
        subject: Whose: the pseudonym of ``infra.subjects``.
        vector: The prompt's place in the classifier's space, 256 signed bytes.
    """

    tenant_id: int
    subject: bytes
    kind: str
    weight: int
    vector: bytes | None = None


@dataclass(frozen=True, slots=True)
class Strike:
    """A strike that was kept, or a lift."""

    id: UUID
    tenant_id: int
    subject: bytes
    kind: str
    weight: int
    at: datetime


async def insert_strikes(connection: AsyncConnection, strikes: Sequence[NewStrike]) -> None:
    """Keep strikes; they count with the caller's commit."""
    if not strikes:
        return
    await connection.execute(
        _ADD,
        {
            "tenants": [one.tenant_id for one in strikes],
            "subjects": [one.subject for one in strikes],
            "kinds": [one.kind for one in strikes],
            "weights": [one.weight for one in strikes],
            "vectors": [one.vector for one in strikes],
        },
    )


async def recent_vectors(
    connection: AsyncConnection, people: Sequence[tuple[int, bytes]], window: timedelta
) -> list[list[bytes]]:
    """Return, for each tenant and person, where the prompts are that were blocked of late."""
    found: list[list[bytes]] = [[] for _ in people]
    rows = await connection.execute(
        _VECTORS,
        {
            "tenants": [tenant_id for tenant_id, _ in people],
            "subjects": [subject for _, subject in people],
            "window": window,
            "most": _COMPARED,
        },
    )
    for row in rows:
        found[int(row.nth) - 1].append(bytes(row.vector))
    return found


async def strikes_since(
    connection: AsyncConnection, since: datetime, window: timedelta, *, limit: int
) -> tuple[datetime, Sequence[Strike]]:
    """Return PostgreSQL's time, and all strikes after an instant that still may count."""
    now = (await connection.execute(_CLOCK)).scalar_one()
    rows = await connection.execute(_SINCE, {"since": since, "window": window, "limit": limit})
    return now, [_strike(row) for row in rows]


async def strikes_of_tenant(
    connection: AsyncConnection, tenant_id: int, window: timedelta, *, limit: int
) -> tuple[datetime, Sequence[Strike]]:
    """Return PostgreSQL's time, and a tenant's strikes that still may count, newest first."""
    now = (await connection.execute(_CLOCK)).scalar_one()
    which = {"tenant_id": tenant_id, "window": window, "limit": limit}
    return now, [_strike(row) for row in await connection.execute(_OF_TENANT, which)]


def _strike(row: Row[Any]) -> Strike:
    return Strike(row.id, row.tenant_id, bytes(row.subject), row.kind, row.weight, row.at)

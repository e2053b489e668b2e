"""Usage: entries written with the ends of attempts, added up by the hour, kept for long.

An entry is deleted in the statement that adds it to its hour: exactly once, whoever dies. One
statement reads both, so that what it tells is whole at any instant.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.hot import HotStatement
from schemas.claim import Claim
from schemas.work import Work

KEYS: Final = (
    "tenant_id", "at", "kind", "lane", "cached", "asked", "model", "server", "end_user",
    "batch_id",
)  # fmt: skip
COUNTS: Final = (
    "jobs", "succeeded", "images", "pixels", "input_tokens", "cached_tokens", "output_tokens",
    "reasoning_tokens", "money", "worth", "milliseconds",
)  # fmt: skip
NO_BATCH: Final = "00000000-0000-0000-0000-000000000000"
COLUMNS: Final = ", ".join((*KEYS, *COUNTS))
_AT_ONCE: Final = 5_000

# Part of the statements that end jobs: `j` is the job's row as it was updated, with what was
# charged and the numbers of schemas.work.Work.
USED_BY_ENDS: Final = f"""
used AS (
  INSERT INTO usage_entry ({COLUMNS})
  SELECT tenant_id, finished_at, kind, lane, COALESCE(took[10] = 1, false), asked,
    COALESCE(by_model, ''), COALESCE(by_server, ''), COALESCE(end_user, ''),
    COALESCE(batch_id, CAST('{NO_BATCH}' AS uuid)), 1, CAST(state = 10 AS int),
    COALESCE(took[1], 0), COALESCE(took[2], 0), COALESCE(took[3], 0), COALESCE(took[4], 0),
    COALESCE(took[5], 0), COALESCE(took[6], 0),
    CASE WHEN state = 10 THEN COALESCE(spent, 0) ELSE 0 END,
    COALESCE(took[8], 0), COALESCE(took[9], 0)
  FROM j)"""

_ADD: Final = HotStatement(f"""
INSERT INTO usage_entry ({COLUMNS})
SELECT x.tenant_id, x.at, j.kind, j.lane, x.took[10] = 1, j.model, x.by_model, x.by_server,
  COALESCE(j.end_user, ''), COALESCE(j.batch_id, CAST('{NO_BATCH}' AS uuid)), 0, 0,
  x.took[1], x.took[2], x.took[3], x.took[4], x.took[5], x.took[6], 0, x.took[8], x.took[9]
FROM (SELECT job_id, tenant_id, at, by_model, by_server, CAST(numbers AS bigint[]) AS took
  FROM unnest(CAST(:ids AS uuid[]), CAST(:tenants AS bigint[]), CAST(:ats AS timestamptz[]),
    CAST(:models AS text[]), CAST(:servers AS text[]), CAST(:numbers AS text[]))
  AS u(job_id, tenant_id, at, by_model, by_server, numbers)) x
JOIN job j ON j.id = x.job_id
""")

# Hours are locked in key order: two that add to the same ones cannot wait for each other.
_TO_HOURS: Final = text(f"""
WITH gone AS (
  DELETE FROM usage_entry WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM usage_entry LIMIT :most FOR UPDATE SKIP LOCKED))
  RETURNING *),
added AS (
  INSERT INTO usage_hour AS h ({COLUMNS})
  SELECT tenant_id, date_trunc('hour', at, 'UTC'), {", ".join(KEYS[2:])},
    {", ".join(f"sum({name})" for name in COUNTS)}
  FROM gone GROUP BY {", ".join(str(n + 1) for n in range(len(KEYS)))}
  ORDER BY {", ".join(str(n + 1) for n in range(len(KEYS)))}
  ON CONFLICT ({", ".join(KEYS)}) DO UPDATE SET
    {", ".join(f"{name} = h.{name} + excluded.{name}" for name in COUNTS)})
SELECT count(*) FROM gone
""")

_FORGET: Final = text("""
DELETE FROM usage_hour WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM usage_hour WHERE at < :before LIMIT :most FOR UPDATE SKIP LOCKED))
""")

# What was used stays; who used it goes. Hours become entries again, to be added to nobody's.
_UNNAME: Final = text(f"""
WITH gone AS (
  DELETE FROM usage_hour WHERE tenant_id = :tenant_id
    AND end_user = ANY (CAST(:names AS text[]))
  RETURNING *),
kept AS (
  INSERT INTO usage_entry ({COLUMNS})
  SELECT {", ".join("''" if name == "end_user" else name for name in (*KEYS, *COUNTS))}
  FROM gone)
UPDATE usage_entry SET end_user = ''
WHERE tenant_id = :tenant_id AND end_user = ANY (CAST(:names AS text[]))
""")


@dataclass(frozen=True, slots=True)
class Lost:
    """Work of an attempt that did not end its job: nobody is charged for it."""

    claim: Claim
    at: datetime
    work: Work


async def add_work(connection: AsyncConnection, lost: Sequence[Lost]) -> None:
    """Write down what attempts took whose jobs go on."""
    if not lost:
        return
    await _ADD.run(
        connection,
        {
            "ids": [one.claim.job_id for one in lost],
            "tenants": [one.claim.tenant_id for one in lost],
            "ats": [one.at for one in lost],
            "models": [one.work.model for one in lost],
            "servers": [one.work.server for one in lost],
            "numbers": [one.work.numbers() for one in lost],
        },
    )


async def add_to_hours(connection: AsyncConnection) -> bool:
    """Add some entries to their hours; say whether there may be more."""
    moved = (await connection.execute(_TO_HOURS, {"most": _AT_ONCE})).scalar_one()
    return moved == _AT_ONCE


async def forget_hours(connection: AsyncConnection, *, before: datetime) -> bool:
    """Delete some hours that began before then; say whether there may be more."""
    gone = await connection.execute(_FORGET, {"before": before, "most": _AT_ONCE})
    return gone.rowcount == _AT_ONCE


async def unname_usage(
    connection: AsyncConnection, tenant_id: int, names: Sequence[str]
) -> None:
    """Let nobody's name stand at what these people of a tenant used."""
    if names:
        values = {"tenant_id": tenant_id, "names": list(names)}
        await connection.execute(_UNNAME, values)

"""Usage: entries written with the ends of attempts, added up by the hour, kept for long.

An entry is deleted in the statement that adds it to its hour: exactly once, whoever dies. One
statement reads both, so that what it tells is whole at any instant.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import orjson
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
# Of bigint. What is beyond is not counted: one row must not hold up all others.
_MOST: Final = 2**63 - 1


def _number(place: int) -> str:
    return f"COALESCE(CAST(facts -> 'took' ->> {place} AS bigint), 0)"


def _added(name: str) -> str:
    return f"LEAST(CAST(h.{name} AS numeric) + excluded.{name}, {_MOST})"


# The order of schemas.work.Work.numbers.
_TOOK: Final = ", ".join(_number(place) for place in range(6))
_WORTH: Final = ", ".join(_number(place) for place in (6, 7))

# Part of the statements that end jobs: `j` is the job's row as it was updated, with what was
# charged, who made its result, and the facts of that; see worker.accountant.
USED_BY_ENDS: Final = f"""
used AS (
  INSERT INTO usage_entry ({COLUMNS})
  SELECT tenant_id, finished_at, kind, lane, COALESCE(facts ? 'cached_of', false), asked,
    COALESCE(by ->> 'model', ''), COALESCE(by ->> 'server', ''), COALESCE(end_user, ''),
    COALESCE(batch_id, CAST('{NO_BATCH}' AS uuid)), 1, CAST(state = 10 AS int),
    {_TOOK}, CASE WHEN state = 10 THEN COALESCE(spent, 0) ELSE 0 END,
    {_WORTH}
  FROM j)"""

_ADD: Final = HotStatement(f"""
INSERT INTO usage_entry ({COLUMNS})
SELECT x.tenant_id, x.at, j.kind, j.lane, x.cached, j.model, x.by_model, x.by_server,
  COALESCE(j.end_user, ''), COALESCE(j.batch_id, CAST('{NO_BATCH}' AS uuid)), 0, 0,
  {_TOOK}, 0, {_WORTH}
FROM (SELECT job_id, tenant_id, at, by_model, by_server, cached, CAST(facts AS jsonb) AS facts
  FROM unnest(CAST(:ids AS uuid[]), CAST(:tenants AS bigint[]), CAST(:ats AS timestamptz[]),
    CAST(:models AS text[]), CAST(:servers AS text[]), CAST(:cached AS boolean[]),
    CAST(:facts AS text[]))
  AS u(job_id, tenant_id, at, by_model, by_server, cached, facts)) x
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
    {", ".join(f"LEAST(sum({name}), {_MOST})" for name in COUNTS)}
  FROM gone GROUP BY {", ".join(str(n + 1) for n in range(len(KEYS)))}
  ORDER BY {", ".join(str(n + 1) for n in range(len(KEYS)))}
  ON CONFLICT ({", ".join(KEYS)}) DO UPDATE SET
    {", ".join(f"{name} = {_added(name)}" for name in COUNTS)})
SELECT count(*) FROM gone
""")

_FORGET: Final = text("""
DELETE FROM usage_hour WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM usage_hour WHERE at < :before LIMIT :most FOR UPDATE SKIP LOCKED))
""")

# What was used stays; who used it goes. Entries first: one that is just being added to its hour
# is waited for. Hours become entries again, to be added to nobody's.
_UNNAME_ENTRIES: Final = text("""
UPDATE usage_entry SET end_user = ''
WHERE tenant_id = :tenant_id AND end_user = ANY (CAST(:names AS text[]))
""")
_UNNAME_HOURS: Final = text(f"""
WITH gone AS (
  DELETE FROM usage_hour WHERE tenant_id = :tenant_id
    AND end_user <> '' AND end_user = ANY (CAST(:names AS text[]))
  RETURNING *)
INSERT INTO usage_entry ({COLUMNS})
SELECT {", ".join("''" if name == "end_user" else name for name in (*KEYS, *COUNTS))} FROM gone
""")

# Each part ends by itself at the limit: hours by their index of names.
_SOME_NAMES: Final = """(
  SELECT DISTINCT end_user FROM {table}
  WHERE tenant_id = :tenant_id AND end_user <> '' AND end_user > :after
  ORDER BY end_user LIMIT :limit)"""
_NAMES: Final = text(f"""
SELECT DISTINCT end_user FROM (
  {_SOME_NAMES.format(table="usage_hour")}
  UNION ALL
  {_SOME_NAMES.format(table="usage_entry")}) u
ORDER BY end_user LIMIT :limit
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
            "cached": [one.work.cached for one in lost],
            "facts": [orjson.dumps({"took": one.work.numbers()}).decode() for one in lost],
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


async def names_in_usage(
    connection: AsyncConnection, tenant_id: int, *, after: str, limit: int
) -> list[str]:
    """Return whom a tenant's usage names, in order, from behind ``after``."""
    values = {"tenant_id": tenant_id, "after": after, "limit": limit}
    return list((await connection.execute(_NAMES, values)).scalars())


async def unname_usage(
    connection: AsyncConnection, tenant_id: int, names: Sequence[str]
) -> None:
    """Let nobody's name stand at what these people of a tenant used."""
    if names:
        values = {"tenant_id": tenant_id, "names": list(names)}
        await connection.execute(_UNNAME_ENTRIES, values)
        await connection.execute(_UNNAME_HOURS, values)

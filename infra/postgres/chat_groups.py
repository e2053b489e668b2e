"""Many requests of chats at once: claimed, counted and written down in a statement each.

Requests are claimed before people are locked, and each in the order of their names: the order
of locks of a request that comes alone, so that no two transactions wait for each other.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.chat_messages import NewMessage, values_of_message
from infra.postgres.chat_people import LOCKS, Person, Unfinished
from infra.postgres.hot import HotStatement
from infra.sealing import Sealer
from schemas.chat import Platform

# Whoever holds one of them is waited for.
_CLAIM: Final = HotStatement("""
INSERT INTO chat_inbound (platform, dedupe_key, job_id)
SELECT * FROM unnest(
  CAST(:platforms AS text[]), CAST(:keys AS text[]), CAST(:job_ids AS uuid[]))
  AS x(platform, dedupe_key, job_id) ORDER BY platform, dedupe_key
ON CONFLICT (platform, dedupe_key) DO NOTHING RETURNING job_id
""")
_LOCK: Final = HotStatement("""
SELECT pg_advisory_xact_lock(:locks, h) FROM (
  SELECT DISTINCT hashtext(name) AS h FROM unnest(CAST(:names AS text[])) AS name
  ORDER BY h) people
""")
# A statement of its own: it sees what committed while the locks were waited for.
_COUNT: Final = HotStatement("""
SELECT x.n, count(*) FILTER (WHERE l.state = 4) AS running,
  count(*) FILTER (WHERE l.state <> 4) AS waiting
FROM unnest(CAST(:tenants AS bigint[]), CAST(:platforms AS text[]), CAST(:users AS text[]))
  WITH ORDINALITY AS x(tenant_id, platform, user_id, n)
JOIN chat_message m ON m.tenant_id = x.tenant_id AND m.platform = x.platform
  AND m.user_id = x.user_id AND m.state <> 2
JOIN live l ON l.job_id = m.job_id
GROUP BY x.n
""")
_FORGET: Final = HotStatement("""
DELETE FROM chat_inbound WHERE job_id = ANY(CAST(:job_ids AS uuid[]))
""")
_WRITE: Final = HotStatement("""
WITH x AS MATERIALIZED (
  SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS x(
    id uuid, job_id uuid, tenant_id bigint, platform text, place_id text, user_id text,
    command text, title text, ref jsonb, token text, state smallint, shown boolean,
    ended boolean, answer text)),
a AS (
  UPDATE chat_inbound i SET answer = decode(x.answer, 'hex') FROM x WHERE i.job_id = x.job_id)
INSERT INTO chat_message (id, job_id, tenant_id, platform, place_id, user_id, command, title,
  ref, token, state, edited_at, ended_at)
SELECT id, job_id, tenant_id, platform, place_id, user_id, command, title, ref,
  decode(token, 'hex'), state, CASE WHEN shown THEN now() END, CASE WHEN ended THEN now() END
FROM x
""")


@dataclass(frozen=True, slots=True)
class Claim:
    """A request, and the job that it is to make."""

    platform: Platform
    dedupe_key: str
    job_id: UUID


@dataclass(frozen=True, slots=True)
class Answered:
    """A message to be kept, and the sealed answer to the request that made its job."""

    message: NewMessage
    answer: bytes = field(repr=False)


async def claim_requests(connection: AsyncConnection, claims: Sequence[Claim]) -> set[UUID]:
    """Return the jobs of those requests that are new; they are this transaction's own."""
    values = {
        "platforms": [claim.platform.value for claim in claims],
        "keys": [claim.dedupe_key for claim in claims],
        "job_ids": [claim.job_id for claim in claims],
    }
    return {row.job_id for row in await _CLAIM.run(connection, values)}


async def lock_people(connection: AsyncConnection, people: Collection[Person]) -> None:
    """Let nobody else count the jobs of these people until this transaction ends."""
    names = [person.name for person in people]
    await _LOCK.run(connection, {"locks": LOCKS, "names": names})


async def unfinished_of_all(
    connection: AsyncConnection, people: Sequence[Person]
) -> Mapping[Person, Unfinished]:
    """Return how many jobs of each person run, and how many wait; of some, none."""
    values = {
        "tenants": [person.tenant_id for person in people],
        "platforms": [person.platform.value for person in people],
        "users": [person.user_id for person in people],
    }
    rows = await _COUNT.run(connection, values)
    return {people[row.n - 1]: Unfinished(row.running, row.waiting) for row in rows}


async def give_back(connection: AsyncConnection, jobs: Sequence[UUID]) -> None:
    """Undo the claims of requests that make no job after all."""
    await _FORGET.run(connection, {"job_ids": list(jobs)})


async def write_answered(
    connection: AsyncConnection, sealer: Sealer, answered: Sequence[Answered]
) -> None:
    """Write messages and answers, in the transaction that claimed and wrote their jobs."""
    rows: list[dict[str, Any]] = []
    for one in answered:
        row = values_of_message(sealer, one.message)
        token: bytes | None = row["token"]
        row |= {
            "ref": orjson.Fragment(row["ref"]),
            "token": None if token is None else token.hex(),
            "answer": one.answer.hex(),
        }
        rows.append(row)
    await _WRITE.run(connection, {"rows": orjson.dumps(rows).decode()})

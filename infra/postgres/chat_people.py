"""What one person in chats has under way, and what was made for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.chat_messages import COLUMNS, KeptMessage, message_of_row
from infra.postgres.hot import HotStatement
from infra.postgres.read_jobs import get_jobs
from schemas.chat import Platform
from schemas.job import JobRecord

# Class of the advisory locks: "gqch".
LOCKS: Final = 0x67716368
_LOCK: Final = HotStatement("""
SELECT pg_advisory_xact_lock(:locks, hashtext(:person))
""")
_MINE: Final = """
m.tenant_id = :tenant_id AND m.platform = :platform AND m.user_id = :user_id
"""
# Those of ix_chat_message_open, which are few, each with one probe of live.
_UNFINISHED: Final = HotStatement(f"""
SELECT count(*) FILTER (WHERE l.state = 4) AS running,
  count(*) FILTER (WHERE l.state <> 4) AS waiting
FROM chat_message m JOIN live l ON l.job_id = m.job_id
WHERE {_MINE} AND m.state <> 2
""")
_OPEN: Final = text(f"""
SELECT {COLUMNS} FROM chat_message m JOIN live l ON l.job_id = m.job_id
WHERE {_MINE} AND m.state <> 2 ORDER BY m.id DESC LIMIT :limit
""")
_NEWEST: Final = text(f"""
SELECT {COLUMNS} FROM chat_message m
JOIN job j ON j.id = m.job_id AND j.tenant_id = m.tenant_id
WHERE {_MINE} AND (CAST(:before AS uuid) IS NULL OR m.id < CAST(:before AS uuid))
  AND j.final_state = 10 AND j.erased_at IS NULL AND j.kind = :kind
ORDER BY m.id DESC LIMIT :limit
""")

_OWN_PLACE: Final = text("""
SELECT place_id FROM chat_message
WHERE job_id = :job_id AND platform = :platform AND user_id = :user_id
""")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on a platform, within a tenant."""

    tenant_id: int
    platform: Platform
    user_id: str

    @property
    def name(self) -> str:
        """Return what this person's lock is called."""
        return f"{self.tenant_id}:{self.platform}:{self.user_id}"


@dataclass(frozen=True, slots=True)
class Unfinished:
    """How many jobs of somebody have not ended."""

    running: int
    waiting: int


@dataclass(frozen=True, slots=True)
class ShownJob:
    """A message, and the job that it shows as it is now."""

    message: KeptMessage
    job: JobRecord


async def lock_person(connection: AsyncConnection, person: Person) -> None:
    """Let nobody else count this person's jobs until this transaction ends.

    Args:
        connection: A transaction that holds no other person's lock.
        person: Who.
    """
    await _LOCK.run(connection, {"locks": LOCKS, "person": person.name})


async def unfinished_of(connection: AsyncConnection, person: Person) -> Unfinished:
    """Return how many jobs of a person run, and how many wait."""
    (row,) = await _UNFINISHED.run(connection, _who(person))
    return Unfinished(row.running, row.waiting)


async def open_jobs_of(
    connection: AsyncConnection, person: Person, *, limit: int
) -> list[ShownJob]:
    """Return a person's jobs that wait or run, newest first."""
    rows = await connection.execute(_OPEN, {**_who(person), "limit": limit})
    shown = await with_jobs(connection, [message_of_row(row) for row in rows])
    return [one for one in shown if not one.job.state.final]


async def newest_of(
    connection: AsyncConnection,
    person: Person,
    *,
    kind: int,
    limit: int,
    before: UUID | None = None,
) -> list[ShownJob]:
    """Return a person's jobs that succeeded and are not erased, newest first.

    Args:
        connection: To read with.
        person: Who.
        kind: As ``schemas.generation`` numbers it.
        limit: So many at the most.
        before: Those whose message came before this one.
    """
    values = {**_who(person), "kind": kind, "limit": limit, "before": before}
    rows = await connection.execute(_NEWEST, values)
    return await with_jobs(connection, [message_of_row(row) for row in rows])


async def place_of_own(
    connection: AsyncConnection, platform: Platform, user_id: str, job_id: UUID
) -> str:
    """Return the place where somebody asked for a job of theirs; empty: nowhere, or privately.

    For who presses a button of it elsewhere: whose job it is, the place says.
    """
    values = {"platform": platform.value, "user_id": user_id, "job_id": job_id}
    return (await connection.execute(_OWN_PLACE, values)).scalar_one_or_none() or ""


async def with_jobs(
    connection: AsyncConnection, messages: Sequence[KeptMessage]
) -> list[ShownJob]:
    """Return messages with their jobs; those whose job is gone are left out."""
    jobs = await get_jobs(connection, [(m.job_id, m.tenant_id) for m in messages])
    return [ShownJob(m, jobs[m.job_id]) for m in messages if m.job_id in jobs]


def _who(person: Person) -> dict[str, object]:
    return {
        "tenant_id": person.tenant_id,
        "platform": person.platform.value,
        "user_id": person.user_id,
    }

"""What chats keep of jobs and people whose content goes."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.chat_messages import COLUMNS, KeptMessage, message_of_row
from schemas.chat import CHAT_SCHEME, Platform, end_user_of

_OF: Final = "job_id = ANY (CAST(:ids AS uuid[]))"

# It quotes what was asked. The request stays: a repetition of it makes no other job.
_ANSWERS: Final = text(f"""
UPDATE chat_inbound SET answer = NULL WHERE {_OF} AND answer IS NOT NULL
""")
# Whoever delivers finds it ended.
_MESSAGES: Final = text(f"""
UPDATE chat_message SET token = NULL, posting_at = NULL, detail = CASE state
    WHEN 1 THEN 'erased' ELSE detail END,
  ended_at = COALESCE(ended_at, now()), state = CASE state WHEN 1 THEN 2 ELSE state END
WHERE {_OF} AND (state = 1 OR token IS NOT NULL)
""")
# An event that is on its way finds no message either.
_OWED: Final = f"{_OF} AND starts_with(url, '{CHAT_SCHEME}')"
# URLs name channels, and that of a private conversation may be the person.
_URLS: Final = text(f"""
UPDATE delivery_attempt a SET url = NULL FROM outbox o
WHERE o.{_OF} AND o.job_id BETWEEN :low AND :high AND a.event_id = o.id
  AND starts_with(a.url, '{CHAT_SCHEME}')
""")
_ALL: Final = tuple(
    text(f"DELETE FROM {table} WHERE {which}")
    for table, which in (
        ("chat_inbound", _OF),
        ("chat_press", f"{_OF} OR next_{_OF}"),
        ("chat_message", _OF),
        ("delivery", _OWED),
    )
)
_OF_JOBS: Final = text(f"""
SELECT {COLUMNS} FROM chat_message m WHERE m.tenant_id = :tenant_id AND m.{_OF}
""")
_PEOPLE: Final = text("""
SELECT id, platform, user_id FROM chat_binding WHERE tenant_id = :tenant_id AND user_id <> ''
""")
_CODES: Final = text("SELECT DISTINCT platform, user_id FROM chat_link")
_FORGET_CODES: Final = text("""
DELETE FROM chat_link WHERE platform = :platform AND user_id = :user_id
""")
_UNBIND: Final = text("""
DELETE FROM chat_binding WHERE tenant_id = :tenant_id AND id = ANY (CAST(:ids AS uuid[]))
""")


async def forget_chats_of(
    connection: AsyncConnection, job_ids: Sequence[UUID], *, results: bool, person: bool
) -> None:
    """Forget what chats keep of jobs that have ended.

    Args:
        connection: A transaction.
        job_ids: Some hundreds at the most.
        results: What they made goes: nothing is shown of it any more.
        person: So does who asked: no word of it stays.
    """
    values = {"ids": list(job_ids)}
    statements = [_ANSWERS, _MESSAGES] if results else [_ANSWERS]
    for statement in _ALL if person else statements:
        await connection.execute(statement, values)
    if person and job_ids:
        # The bounds let PostgreSQL leave out all partitions but the jobs' own.
        bounds = {"low": min(job_ids), "high": max(job_ids)}
        await connection.execute(_URLS, values | bounds)


async def messages_of_jobs(
    connection: AsyncConnection, tenant_id: int, job_ids: Sequence[UUID]
) -> dict[UUID, KeptMessage]:
    """Return the messages that show some of a tenant's jobs, by job."""
    values = {"tenant_id": tenant_id, "ids": list(job_ids)}
    rows = await connection.execute(_OF_JOBS, values)
    return {row.job_id: message_of_row(row) for row in rows}


async def bound_people(connection: AsyncConnection, tenant_id: int) -> list[tuple[UUID, str]]:
    """Return who is bound to a tenant in person: the binding, and what jobs call them."""
    rows = await connection.execute(_PEOPLE, {"tenant_id": tenant_id})
    return [(row.id, end_user_of(Platform(row.platform), row.user_id)) for row in rows]


async def unbind_people(
    connection: AsyncConnection, tenant_id: int, bindings: Sequence[UUID]
) -> None:
    """Delete some of a tenant's bindings."""
    if bindings:
        values = {"tenant_id": tenant_id, "ids": list(bindings)}
        await connection.execute(_UNBIND, values)


async def people_with_codes(connection: AsyncConnection) -> list[tuple[Platform, str]]:
    """Return who asked for codes of /link within the days that these are kept."""
    rows = await connection.execute(_CODES)
    return [(Platform(row.platform), row.user_id) for row in rows]


async def forget_codes_of(
    connection: AsyncConnection, platform: Platform, user_id: str
) -> None:
    """Delete a person's codes of /link."""
    values = {"platform": platform.value, "user_id": user_id}
    await connection.execute(_FORGET_CODES, values)

"""What was heard, once: a request that makes or ends a job, and what it was answered with."""

from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.hot import HotStatement
from schemas.chat import Platform

# Whoever comes second waits here for the first one's commit, and then finds its row.
_CLAIM: Final = HotStatement("""
INSERT INTO chat_inbound (platform, dedupe_key, job_id) VALUES (:platform, :key, :job_id)
ON CONFLICT (platform, dedupe_key) DO NOTHING RETURNING true
""")
# A statement of its own: what committed while the claim waited is visible to it.
_READ: Final = HotStatement("""
SELECT i.job_id, i.answer, m.tenant_id FROM chat_inbound i
LEFT JOIN chat_message m ON m.job_id = i.job_id
WHERE i.platform = :platform AND i.dedupe_key = :key
""")
_ANSWER: Final = HotStatement("""
UPDATE chat_inbound SET answer = :answer WHERE platform = :platform AND dedupe_key = :key
""")


@dataclass(frozen=True, slots=True)
class HeardBefore:
    """A request that came before.

    Attributes:
        job_id: What it made, or was to end; ``None``: it found nothing.
        answer: What it was answered with, sealed; ``None``: that is erased, or was not kept.
        tenant_id: Whose job that is; ``None``: its message is gone, by erasure or retention.
    """

    job_id: UUID | None
    answer: bytes | None = field(repr=False)
    tenant_id: int | None


async def claim_inbound(
    connection: AsyncConnection, platform: Platform, dedupe_key: str, job_id: UUID | None
) -> HeardBefore | None:
    """Make a request this transaction's own.

    Args:
        connection: A transaction of isolation READ COMMITTED; its commit makes it known.
        platform: Who sent it.
        dedupe_key: The same for its repetitions.
        job_id: What it is to make or to end; ``None``: nothing.

    Returns:
        ``None``: it is new; else what came before, in a transaction that has committed.

    Raises:
        LookupError: It came before, and was forgotten a moment ago: it is to be tried again.
    """
    which = {"platform": platform.value, "key": dedupe_key}
    if await _CLAIM.run(connection, {**which, "job_id": job_id}):
        return None
    before = await heard_before(connection, platform, dedupe_key)
    if before is None:
        raise LookupError("a request of a chat was forgotten meanwhile")
    return before


async def heard_before(
    connection: AsyncConnection, platform: Platform, dedupe_key: str
) -> HeardBefore | None:
    """Return what the same request made before; ``None``: it made nothing yet."""
    which = {"platform": platform.value, "key": dedupe_key}
    rows = await _READ.run(connection, which)
    if not rows:
        return None
    row = rows[0]
    answer = None if row.answer is None else bytes(row.answer)
    return HeardBefore(row.job_id, answer, row.tenant_id)


async def keep_chat_answer(
    connection: AsyncConnection, platform: Platform, dedupe_key: str, answer: bytes
) -> None:
    """Store what a request, claimed in this transaction, is answered with: sealed."""
    values = {"platform": platform.value, "key": dedupe_key, "answer": answer}
    await _ANSWER.run(connection, values)

"""Answers to calls that are not about one job, by their idempotency keys.

Such a call has one row of ``idempotency``, as a submit has; its key carries the route, so that
no key of one route meets the same key of another.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# Whoever comes second waits here for the first one's commit, and then finds its row.
_CLAIM: Final = text("""
INSERT INTO idempotency AS i (tenant_id, key, request_hash, job_id, expires_at, answer)
VALUES (:tenant_id, :key, :hash, :job_id, now() + :ttl, CAST(:answer AS jsonb))
ON CONFLICT (tenant_id, key) DO UPDATE
  SET request_hash = excluded.request_hash, job_id = excluded.job_id,
    expires_at = excluded.expires_at, answer = excluded.answer
  WHERE i.expires_at <= now()
RETURNING true
""")

_KEEP: Final = text("""
UPDATE idempotency SET answer = CAST(:answer AS jsonb)
WHERE tenant_id = :tenant_id AND key = :key
""")

_KEPT: Final = text("""
SELECT request_hash, answer FROM idempotency
WHERE tenant_id = :tenant_id AND key = :key AND expires_at > now()
""")


@dataclass(frozen=True, slots=True)
class Call:
    """One call as its idempotency key names it.

    Attributes:
        key: With its route.
        request_hash: Of the body, to tell another body under the same key.
    """

    tenant_id: int
    key: str
    request_hash: bytes


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What the call was answered."""

    request_hash: bytes
    answer: Any


async def claim_call(
    connection: AsyncConnection,
    call: Call,
    *,
    job_id: UUID,
    ttl: timedelta,
    answer: Any = None,
) -> bool:
    """Make the key this transaction's own; return whether it was free.

    Args:
        connection: A transaction; its commit makes the claim known.
        call: Tenant, key and body.
        job_id: Any key of ours: the column wants one.
        ttl: For how long it is remembered.
        answer: JSON values, if the answer is known already.
    """
    values = {
        "tenant_id": call.tenant_id,
        "key": call.key,
        "hash": call.request_hash,
        "job_id": job_id,
        "ttl": ttl,
        "answer": None if answer is None else orjson.dumps(answer).decode(),
    }
    return (await connection.execute(_CLAIM, values)).one_or_none() is not None


async def keep_answer(connection: AsyncConnection, call: Call, answer: Any) -> None:
    """Store what a call, claimed in this transaction, is answered."""
    values = {
        "tenant_id": call.tenant_id,
        "key": call.key,
        "answer": orjson.dumps(answer).decode(),
    }
    await connection.execute(_KEEP, values)


async def kept_answer(connection: AsyncConnection, call: Call) -> KeptAnswer | None:
    """Return what a call with this key was answered; ``None`` if it is free."""
    values = {"tenant_id": call.tenant_id, "key": call.key}
    row = (await connection.execute(_KEPT, values)).one_or_none()
    return KeptAnswer(bytes(row.request_hash), row.answer) if row else None

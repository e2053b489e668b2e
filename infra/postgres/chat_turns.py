"""Turns of jobs that no event tells of: messages that show them are looked at again."""

from collections.abc import Collection, Iterable
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.hold import Holding
from infra.postgres.put_back import PutBack
from infra.postgres.resends import SEQUENCE, WOKEN
from schemas.events import OutboxKind
from schemas.webhooks import Hears, Trigger

# Whichever event asks, the message is brought to what its job is then. As a lifecycle event:
# progress is left out where the message was edited a moment ago.
_LOOK: Final = text(f"""
WITH o AS MATERIALIZED (
  SELECT m.job_id, m.tenant_id, p.body #>> '{{webhook,url}}' AS url, e.id, e.body
  FROM chat_message m JOIN payload p ON p.job_id = m.job_id
  CROSS JOIN LATERAL (
    SELECT id, body FROM outbox
    WHERE job_id = m.job_id AND tenant_id = m.tenant_id AND octet_length(body) > 0
    ORDER BY id DESC LIMIT 1) e
  WHERE m.job_id = ANY(CAST(:jobs AS uuid[])) AND m.state = 1),
owed AS (
  INSERT INTO delivery (id, event_id, job_id, tenant_id, url, origin, kind, seq, trigger)
  SELECT uuidv7(), o.id, o.job_id, o.tenant_id, o.url, substring(o.url FROM '^[^:]+://[^/]+'),
    :kind, {SEQUENCE}, :trigger
  FROM o WHERE o.url IS NOT NULL
  RETURNING id, lane_id, tenant_id, endpoint_id, origin),
{WOKEN}
SELECT id FROM owed
""")


async def owe_looks(connection: AsyncConnection, jobs: Collection[UUID]) -> bool:
    """Have the messages looked at that show jobs; ring ``DELIVER`` after the commit.

    Returns:
        Whether there are any.
    """
    kind, trigger = int(OutboxKind.LIFECYCLE), int(Trigger.SCHEDULED)
    values = {"jobs": list(jobs), "kind": kind, "trigger": trigger}
    return bool((await connection.execute(_LOOK, values)).all())


async def owe_looks_after(
    connection: AsyncConnection, attempts: Iterable[PutBack | Holding], jobs: Collection[UUID]
) -> bool:
    """Do so in the transaction that ends attempts of jobs which go on.

    Args:
        connection: Of that transaction.
        attempts: They say whether a message shows their job: mostly none does.
        jobs: Whose attempts were written.
    """
    chats = [one.claim.job_id for one in attempts if Hears.CHAT in one.claim.hears]
    shown = [job_id for job_id in chats if job_id in jobs]
    return await owe_looks(connection, shown) if shown else False

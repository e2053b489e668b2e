"""What is owed, put in by SQL as a job's end would put it in: event, delivery, woken lane."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.postgres.fan_out import WOKEN
from infra.postgres.tenants import ensure_tenant
from infra.sealing import Sealer
from tests.fixtures.endpoints import Made, make_endpoint

SECRET: Final = "whsec_yMnKy8zNzs/Q0dLT1NXW19jZ2tvc3d7f4OHi4+Tl5uc="
# As long as the thin form of a picture job's end.
BODY: Final = (
    '{"id":"evt_$EVENT","object":"event","type":"job.succeeded","created_at":1795169681,'
    '"timestamp":"2026-11-20T10:00:00.123Z","sequence":1999,"data":{"id":"job_$EVENT",'
    '"object":"job","status":"succeeded","kind":"image","model":"sim-image-1","lane":"fast",'
    '"created_at":1795169601,"started_at":1795169611,"ended_at":1795169681,"attempts":1,'
    '"metadata":{"order":"4711","customer":"c-0815"},"artifacts":[{"index":0,"content_type":'
    '"image/png","width":1024,"height":1024,"url":"https://genq.example.com/v1/jobs/job_$EVENT'
    '/artifacts/0"}],"usage":{"images":1,"cost_microdollars":40000}}}'
)

_EVENT: Final = """
WITH made AS MATERIALIZED (
  SELECT uuidv7() AS event_id, uuidv7() AS job_id,
    (CAST(:endpoints AS uuid[]))[1 + n % cardinality(CAST(:endpoints AS uuid[]))] AS endpoint_id
  FROM generate_series(1, :count) AS n),
event AS (
  INSERT INTO outbox (job_id, id, kind, type, body, tenant_id)
  SELECT m.job_id, m.event_id, 1, 'job.succeeded',
    convert_to(replace(:body, '$EVENT', CAST(m.event_id AS text)), 'UTF8'), e.tenant_id
  FROM made m JOIN webhook_endpoint e ON e.id = m.endpoint_id)
"""
_OWE: Final = text(f"""{_EVENT},
owed AS (
  INSERT INTO delivery
    (id, event_id, job_id, tenant_id, url, origin, kind, seq, trigger, endpoint_id)
  SELECT uuidv7(), m.event_id, m.job_id, e.tenant_id, e.url, e.origin, 1, 1999, 0, e.id
  FROM made m JOIN webhook_endpoint e ON e.id = m.endpoint_id
  RETURNING event_id, lane_id, tenant_id, endpoint_id, origin),
{WOKEN}
SELECT min(CAST(event_id AS text)) FROM owed
""")
_MISS: Final = text(f"{_EVENT} SELECT count(*) FROM made")


async def add_endpoints(
    engine: AsyncEngine, sealer: Sealer, tenant: str, urls: Sequence[str], **config: Any
) -> list[Made]:
    """Register an endpoint for each URL."""
    async with engine.begin() as connection:
        owner = await ensure_tenant(
            connection, tenant, max_inflight=1000, webhook_secret=SECRET
        )
        return [
            await make_endpoint(
                connection, owner.id, url, secret=SECRET, sealer=sealer, **config
            )
            for url in urls
        ]


async def owe(connection: AsyncConnection, endpoints: Sequence[UUID], count: int) -> UUID:
    """Owe ``count`` events in turn to ``endpoints``; return the id of one of the events."""
    values = {"endpoints": list(endpoints), "count": count, "body": BODY}
    found = await connection.execute(_OWE, values)
    return UUID(found.scalar_one())


async def miss(connection: AsyncConnection, endpoint: UUID, count: int) -> None:
    """Write events of which ``endpoint`` was never told."""
    values = {"endpoints": [endpoint], "count": count, "body": BODY}
    await connection.execute(_MISS, values)


async def all_taken(engine: AsyncEngine, endpoints: Sequence[UUID]) -> bool:
    """Return whether nothing is owed any more: every attempt is recorded, and committed."""
    found = await _scalar(
        engine,
        "SELECT NOT EXISTS (SELECT 1 FROM delivery WHERE endpoint_id = ANY(:endpoints))",
        endpoints,
    )
    return bool(found)


async def attempts_of(engine: AsyncEngine, endpoints: Sequence[UUID]) -> int:
    """Return the attempts in the log."""
    found = await _scalar(
        engine,
        "SELECT count(*) FROM delivery_attempt WHERE endpoint_id = ANY(:endpoints)",
        endpoints,
    )
    return int(found)


async def _scalar(engine: AsyncEngine, statement: str, endpoints: Sequence[UUID]) -> Any:
    async with engine.connect() as connection:
        found = await connection.execute(text(statement), {"endpoints": list(endpoints)})
        return found.scalar_one()

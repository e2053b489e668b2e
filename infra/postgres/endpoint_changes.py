"""What changes with an endpoint: what its tenant's jobs tell, its lane, its end.

Locks are taken in one order: the tenant, the endpoint, its lane. A lane that somebody writes
just now is not waited for: its owner hears of the endpoint's new revision by the doorbell.
"""

from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.endpoints import COLUMNS, endpoint_of_row
from schemas.events import hears
from schemas.webhook_endpoint import Endpoint

_OF: Final = "id = :id AND tenant_id = :tenant_id"

_LOCK_TENANT: Final = text("SELECT id FROM tenant WHERE id = :tenant_id FOR NO KEY UPDATE")
_COUNT: Final = text("SELECT count(*) FROM webhook_endpoint WHERE tenant_id = :tenant_id")
_ASKED: Final = text("""
SELECT DISTINCT unnest(event_types) FROM webhook_endpoint
WHERE tenant_id = :tenant_id AND disabled_at IS NULL
""")
_HEARS: Final = text("""
UPDATE tenant SET hears = :hears WHERE id = :tenant_id AND hears <> :hears
""")

_TOUCH: Final = text(f"""
UPDATE webhook_endpoint SET revision = revision + 1, updated_at = now()
WHERE {_OF} RETURNING {COLUMNS}
""")
_DISABLE: Final = text(f"""
UPDATE webhook_endpoint SET disabled_at = now(), disabled_reason = CAST(:reason AS text),
  revision = revision + 1, updated_at = now()
WHERE {_OF} RETURNING {COLUMNS}
""")
_ENABLE: Final = text(f"""
UPDATE webhook_endpoint SET disabled_at = NULL, disabled_reason = NULL,
  revision = revision + 1, updated_at = now()
WHERE {_OF} RETURNING {COLUMNS}
""")
_VOID_LINKS: Final = text(f"""
UPDATE webhook_endpoint SET portal_epoch = portal_epoch + 1
WHERE {_OF} RETURNING {COLUMNS}
""")

# Though it is blocked: what is sent by hand goes to receivers that are down as well.
_WAKE: Final = text("""
UPDATE webhook_lane SET next_due_at = now()
WHERE id = ANY (ARRAY(SELECT id FROM webhook_lane
  WHERE tenant_id = :tenant_id AND endpoint_id = :id FOR NO KEY UPDATE SKIP LOCKED))
""")

# What was learnt of a receiver says nothing of another, nor of one that was mended.
_AFRESH: Final = text("""
UPDATE webhook_lane SET next_due_at = now(), blocked_until = NULL, breaker = 0, failures = 0,
  failing_since = NULL, probes = 0, in_flight = NULL
WHERE id = ANY (ARRAY(SELECT id FROM webhook_lane
  WHERE tenant_id = :tenant_id AND endpoint_id = :id FOR NO KEY UPDATE SKIP LOCKED))
""")

# In the order in which those lock that record attempts: deliveries, the lane, the endpoint.
_PENDING: Final = text("""
DELETE FROM delivery WHERE tenant_id = :tenant_id AND endpoint_id = :id AND lane_id IN (
  SELECT id FROM webhook_lane WHERE tenant_id = :tenant_id AND endpoint_id = :id)
""")
_LANE: Final = text("""
DELETE FROM webhook_lane WHERE tenant_id = :tenant_id AND endpoint_id = :id
""")
_SECRETS: Final = text("""
DELETE FROM webhook_secret WHERE tenant_id = :tenant_id AND endpoint_id = :id
""")
_DELETE: Final = text(f"DELETE FROM webhook_endpoint WHERE {_OF} RETURNING {COLUMNS}")


async def lock_tenant(connection: AsyncConnection, tenant_id: int) -> None:
    """Let nobody else add, change or remove endpoints of a tenant until the end."""
    await connection.execute(_LOCK_TENANT, {"tenant_id": tenant_id})


async def count_endpoints(connection: AsyncConnection, tenant_id: int) -> int:
    """Return how many endpoints a tenant has."""
    return (await connection.execute(_COUNT, {"tenant_id": tenant_id})).scalar_one()


async def note_what_is_heard(connection: AsyncConnection, tenant_id: int) -> None:
    """Write which events before their end the jobs of a tenant, which is locked, must tell."""
    asked = (await connection.execute(_ASKED, {"tenant_id": tenant_id})).scalars().all()
    values = {"tenant_id": tenant_id, "hears": hears(asked).value}
    await connection.execute(_HEARS, values)


async def touch_endpoint(connection: AsyncConnection, endpoint: Endpoint) -> Endpoint:
    """Have senders read an endpoint, which is locked, anew."""
    row = (await connection.execute(_TOUCH, _id(endpoint))).one()
    return endpoint_of_row(row)


async def disable_endpoint(
    connection: AsyncConnection, endpoint: Endpoint, reason: str
) -> Endpoint:
    """Send nothing more to an endpoint, which is locked; what is owed waits."""
    values = {**_id(endpoint), "reason": reason}
    return endpoint_of_row((await connection.execute(_DISABLE, values)).one())


async def enable_endpoint(connection: AsyncConnection, endpoint: Endpoint) -> Endpoint:
    """Send to an endpoint, which is locked, again."""
    return endpoint_of_row((await connection.execute(_ENABLE, _id(endpoint))).one())


async def void_portal_links(connection: AsyncConnection, endpoint: Endpoint) -> Endpoint:
    """Let no portal link of an endpoint work that was made until now."""
    return endpoint_of_row((await connection.execute(_VOID_LINKS, _id(endpoint))).one())


async def wake_lane(
    connection: AsyncConnection, endpoint: Endpoint, *, afresh: bool = False
) -> None:
    """Have somebody look at an endpoint's lane now; ring ``DELIVER`` after the commit.

    Args:
        connection: In the transaction that changes the endpoint.
        endpoint: Whose lane.
        afresh: Forget that it failed.
    """
    await connection.execute(_AFRESH if afresh else _WAKE, _id(endpoint))


async def delete_endpoint(
    connection: AsyncConnection, tenant_id: int, endpoint_id: UUID
) -> Endpoint | None:
    """Delete an endpoint, its secrets, its lane and what it is owed; its attempts stay.

    Returns:
        The endpoint; ``None``: there was none, and the caller rolls back.
    """
    of = {"id": endpoint_id, "tenant_id": tenant_id}
    await connection.execute(_PENDING, of)
    await connection.execute(_LANE, of)
    await connection.execute(_SECRETS, of)
    row = (await connection.execute(_DELETE, of)).one_or_none()
    return None if row is None else endpoint_of_row(row)


def _id(endpoint: Endpoint) -> dict[str, object]:
    return {"id": endpoint.id, "tenant_id": endpoint.tenant_id}

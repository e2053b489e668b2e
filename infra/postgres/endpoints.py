"""Registered endpoints: kept by tenants, heard of by senders through their revision."""

from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.webhook_endpoint import Endpoint, EndpointConfig
from schemas.webhooks import AuthKind, Ordering, Payload, Signatures

COLUMNS: Final = """
id, tenant_id, name, url, event_types, channels, filter, payload, ordering, signatures,
max_in_flight, throttle_rate, timeout_s, retry_schedule, headers, auth, auth_kind, metadata,
disabled_at, disabled_reason, revision, portal_epoch, created_at, updated_at
"""

_JSON: Final = (
    bindparam("filter", type_=JSONB(none_as_null=True)),
    bindparam("metadata", type_=JSONB(none_as_null=True)),
)

_ADD: Final = text(f"""
INSERT INTO webhook_endpoint (id, tenant_id, name, url, origin, event_types, channels, filter,
  payload, ordering, signatures, max_in_flight, throttle_rate, timeout_s, retry_schedule,
  headers, auth, auth_kind, metadata)
VALUES (:id, :tenant_id, :name, :url, :origin, CAST(:event_types AS text[]),
  CAST(:channels AS text[]), :filter, :payload, :ordering, :signatures, :max_in_flight,
  :throttle_rate, :timeout_s, CAST(:retry_schedule AS int[]), :headers, :auth, :auth_kind,
  :metadata)
RETURNING {COLUMNS}
""").bindparams(*_JSON)

_CHANGE: Final = text(f"""
UPDATE webhook_endpoint SET name = :name, url = :url, origin = :origin,
  event_types = CAST(:event_types AS text[]), channels = CAST(:channels AS text[]),
  filter = :filter, payload = :payload, ordering = :ordering, signatures = :signatures,
  max_in_flight = :max_in_flight, throttle_rate = :throttle_rate, timeout_s = :timeout_s,
  retry_schedule = CAST(:retry_schedule AS int[]), headers = :headers, auth = :auth,
  auth_kind = :auth_kind, metadata = :metadata, revision = revision + 1, updated_at = now()
WHERE id = :id AND tenant_id = :tenant_id
RETURNING {COLUMNS}
""").bindparams(*_JSON)

_OF: Final = f"SELECT {COLUMNS} FROM webhook_endpoint WHERE tenant_id = :tenant_id"
_GET: Final = text(f"{_OF} AND id = :id")
_LOCK: Final = text(f"{_OF} AND id = :id FOR NO KEY UPDATE")
_LIST: Final = text(f"""
{_OF} AND (CAST(:before AS uuid) IS NULL OR id < CAST(:before AS uuid))
ORDER BY id DESC LIMIT :limit
""")


async def insert_endpoint(
    connection: AsyncConnection, endpoint_id: UUID, tenant_id: int, config: EndpointConfig
) -> Endpoint:
    """Store a new endpoint, enabled."""
    values = {"id": endpoint_id, "tenant_id": tenant_id, **_values(config)}
    return endpoint_of_row((await connection.execute(_ADD, values)).one())


async def list_endpoints(
    connection: AsyncConnection, tenant_id: int, *, limit: int, before: UUID | None = None
) -> list[Endpoint]:
    """Return a tenant's endpoints, newest first: those that were made before ``before``."""
    values = {"tenant_id": tenant_id, "limit": limit, "before": before}
    return [endpoint_of_row(row) for row in await connection.execute(_LIST, values)]


async def get_endpoint(
    connection: AsyncConnection, tenant_id: int, endpoint_id: UUID, *, lock: bool = False
) -> Endpoint | None:
    """Return one endpoint of a tenant; locked, nobody else changes it until the end."""
    values = {"tenant_id": tenant_id, "id": endpoint_id}
    row = (await connection.execute(_LOCK if lock else _GET, values)).one_or_none()
    return None if row is None else endpoint_of_row(row)


async def change_endpoint(
    connection: AsyncConnection, endpoint: Endpoint, config: EndpointConfig
) -> Endpoint:
    """Write what an endpoint, which this transaction has locked, is to be from now on."""
    values = {"id": endpoint.id, "tenant_id": endpoint.tenant_id, **_values(config)}
    return endpoint_of_row((await connection.execute(_CHANGE, values)).one())


def endpoint_of_row(row: Any) -> Endpoint:
    """Return the endpoint in a row that has every column of ``webhook_endpoint``."""
    return Endpoint(
        id=row.id,
        tenant_id=row.tenant_id,
        config=EndpointConfig(
            name=row.name,
            url=row.url,
            event_types=tuple(row.event_types),
            channels=None if row.channels is None else tuple(row.channels),
            filter=row.filter,
            payload=Payload(row.payload),
            ordering=Ordering(row.ordering),
            signatures=Signatures(row.signatures),
            max_in_flight=row.max_in_flight,
            throttle_rate=row.throttle_rate,
            timeout_s=row.timeout_s,
            retry_schedule=None if row.retry_schedule is None else tuple(row.retry_schedule),
            headers=row.headers,
            auth=row.auth,
            auth_kind=AuthKind(row.auth_kind),
            metadata=row.metadata,
        ),
        revision=row.revision,
        portal_epoch=row.portal_epoch,
        created_at=row.created_at,
        updated_at=row.updated_at,
        disabled_at=row.disabled_at,
        disabled_reason=row.disabled_reason,
    )


def _values(config: EndpointConfig) -> dict[str, Any]:
    return {
        "name": config.name,
        "url": config.url,
        "origin": config.origin,
        "event_types": list(config.event_types),
        "channels": None if config.channels is None else list(config.channels),
        "filter": None if config.filter is None else dict(config.filter),
        "payload": config.payload.value,
        "ordering": config.ordering.value,
        "signatures": config.signatures.value,
        "max_in_flight": config.max_in_flight,
        "throttle_rate": config.throttle_rate,
        "timeout_s": config.timeout_s,
        "retry_schedule": None
        if config.retry_schedule is None
        else list(config.retry_schedule),
        "headers": config.headers,
        "auth": config.auth,
        "auth_kind": config.auth_kind.value,
        "metadata": None if config.metadata is None else dict(config.metadata),
    }

"""What it takes to reach the receivers of lanes, as it is stored: secrets are sealed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.hot import HotStatement
from schemas.webhook_endpoint import EndpointConfig
from schemas.webhooks import AuthKind, Ordering, Payload, SecretKind, Signatures


@dataclass(frozen=True, slots=True)
class StoredReceiver:
    """One lane's receiver.

    Attributes:
        exists: Whether there still is such an endpoint, or such a tenant.
        config: ``None``: the URLs come with the jobs.
        revision: Of the endpoint; or a number that changes with the tenant's secret.
        tenant_secret: ``whsec_…``, in plain; for URLs that come with jobs.
        secrets: Sealed, newest first.
        private_keys: Sealed, newest first.
    """

    lane_id: int
    tenant_id: int
    endpoint_id: UUID | None
    origin: str
    exists: bool
    revision: int
    disabled: bool
    config: EndpointConfig | None
    tenant_secret: str | None = field(repr=False)
    secrets: Sequence[bytes] = field(repr=False)
    private_keys: Sequence[bytes] = field(repr=False)


# A tenant's secret has no revision: a digest of it does.
_REVISION: Final = "COALESCE(e.revision, hashtextextended(t.webhook_secret, 0), 0)"

_READ: Final = HotStatement(f"""
SELECT l.id AS lane_id, l.tenant_id, l.endpoint_id, l.origin, {_REVISION} AS revision,
  e.name, e.url, e.event_types, e.payload, e.ordering, e.signatures, e.max_in_flight,
  e.throttle_rate, e.timeout_s, e.retry_schedule, e.headers, e.auth, e.auth_kind,
  e.disabled_at IS NOT NULL AS disabled, t.webhook_secret,
  s.kinds, s.sealed
FROM webhook_lane l
LEFT JOIN webhook_endpoint e ON e.id = l.endpoint_id AND e.tenant_id = l.tenant_id
LEFT JOIN tenant t ON t.id = l.tenant_id AND l.endpoint_id IS NULL
LEFT JOIN LATERAL (
  SELECT array_agg(kind ORDER BY created_at DESC, id DESC) AS kinds,
    array_agg(sealed ORDER BY created_at DESC, id DESC) AS sealed
  FROM (
    SELECT kind, sealed, created_at, id FROM webhook_secret
    WHERE tenant_id = l.tenant_id AND endpoint_id = l.endpoint_id
      AND (expires_at IS NULL OR expires_at > now())
    UNION ALL
    SELECT kind, sealed, created_at, id FROM webhook_secret
    WHERE l.endpoint_id IS NULL AND tenant_id = l.tenant_id AND endpoint_id IS NULL
      AND (expires_at IS NULL OR expires_at > now())) k) s ON true
WHERE l.id = ANY(CAST(:lanes AS bigint[]))
""")

_CHANGED: Final = HotStatement(f"""
SELECT x.lane_id FROM unnest(
  CAST(:lanes AS bigint[]), CAST(:tenants AS bigint[]), CAST(:endpoints AS uuid[]),
  CAST(:revisions AS bigint[]))
  AS x(lane_id, tenant_id, endpoint_id, revision)
LEFT JOIN webhook_endpoint e ON e.id = x.endpoint_id
LEFT JOIN tenant t ON t.id = x.tenant_id AND x.endpoint_id IS NULL
WHERE {_REVISION} <> x.revision
""")


async def read_receivers(
    connection: AsyncConnection, lanes: Collection[int]
) -> Mapping[int, StoredReceiver]:
    """Return the receivers of lanes, secrets that have expired left out."""
    if not lanes:
        return {}
    rows = await _READ.run(connection, {"lanes": list(lanes)})
    return {row.lane_id: _receiver(row) for row in rows}


async def changed_receivers(
    connection: AsyncConnection, known: Sequence[tuple[int, int, UUID | None, int]]
) -> list[int]:
    """Return the lanes whose receivers were changed, disabled or deleted.

    Args:
        connection: To read with.
        known: Lane, tenant, endpoint and the revision that was read.
    """
    if not known:
        return []
    rows = await _CHANGED.run(
        connection,
        {
            "lanes": [one[0] for one in known],
            "tenants": [one[1] for one in known],
            "endpoints": [one[2] for one in known],
            "revisions": [one[3] for one in known],
        },
    )
    return [row.lane_id for row in rows]


def _receiver(row: Any) -> StoredReceiver:
    keys = list(zip(row.kinds or (), row.sealed or (), strict=True))
    return StoredReceiver(
        lane_id=row.lane_id,
        tenant_id=row.tenant_id,
        endpoint_id=row.endpoint_id,
        origin=row.origin,
        exists=row.url is not None if row.endpoint_id else row.webhook_secret is not None,
        revision=row.revision,
        disabled=row.disabled,
        config=None if row.url is None else _config(row),
        tenant_secret=row.webhook_secret,
        secrets=[bytes(sealed) for kind, sealed in keys if kind == SecretKind.HMAC],
        private_keys=[bytes(sealed) for kind, sealed in keys if kind == SecretKind.ED25519],
    )


def _config(row: Any) -> EndpointConfig:
    return EndpointConfig(
        name=row.name,
        url=row.url,
        event_types=row.event_types,
        payload=Payload(row.payload),
        ordering=Ordering(row.ordering),
        signatures=Signatures(row.signatures),
        max_in_flight=row.max_in_flight,
        throttle_rate=row.throttle_rate,
        timeout_s=row.timeout_s,
        retry_schedule=row.retry_schedule,
        headers=None if row.headers is None else bytes(row.headers),
        auth=None if row.auth is None else bytes(row.auth),
        auth_kind=AuthKind(row.auth_kind),
    )

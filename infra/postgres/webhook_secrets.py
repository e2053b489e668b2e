"""Keys that sign webhooks: newest first, older ones until they expire."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.signature import MOST_SIGNING
from schemas.webhook_endpoint import StoredSecret
from schemas.webhooks import SecretKind

_COLUMNS: Final = """
id, tenant_id, endpoint_id, kind, sealed, hint, public_key, created_at, expires_at
"""

# endpoint_id may be null: the tenant's own.
_OF: Final = "tenant_id = :tenant_id AND endpoint_id IS NOT DISTINCT FROM CAST(:of AS uuid)"

_ADD: Final = text("""
INSERT INTO webhook_secret (tenant_id, endpoint_id, kind, sealed, hint, public_key, expires_at)
VALUES (:tenant_id, CAST(:of AS uuid), :kind, :sealed, :hint, CAST(:public_key AS bytea),
  now() + CAST(:life AS interval))
""")

_VALID: Final = text(f"""
SELECT {_COLUMNS} FROM webhook_secret
WHERE {_OF} AND (expires_at IS NULL OR expires_at > now())
ORDER BY created_at DESC, id DESC
""")

_EXPIRE: Final = text(f"""
UPDATE webhook_secret SET expires_at = LEAST(expires_at, now() + CAST(:grace AS interval))
WHERE {_OF} AND kind = :kind
""")

# What has expired is of no use to anybody, and more than the most do not sign.
_PRUNE: Final = text(f"""
DELETE FROM webhook_secret WHERE {_OF} AND kind = :kind AND (expires_at <= now()
  OR id NOT IN (SELECT id FROM webhook_secret WHERE {_OF} AND kind = :kind
    AND (expires_at IS NULL OR expires_at > now())
    ORDER BY created_at DESC, id DESC LIMIT :most))
""")

_PUBLIC: Final = text("""
SELECT (SELECT array_agg(public_key ORDER BY created_at DESC, id DESC) FROM webhook_secret s
  WHERE s.tenant_id = e.tenant_id AND s.endpoint_id = e.id AND public_key IS NOT NULL
    AND (expires_at IS NULL OR expires_at > now())) AS public_keys
FROM webhook_endpoint e WHERE id = :id
""")

_OF_MANY: Final = text(f"""
SELECT {_COLUMNS} FROM webhook_secret
WHERE tenant_id = :tenant_id AND endpoint_id = ANY (CAST(:of AS uuid[]))
  AND (expires_at IS NULL OR expires_at > now())
ORDER BY created_at DESC, id DESC
""")


async def add_secret(
    connection: AsyncConnection,
    tenant_id: int,
    endpoint_id: UUID | None,
    *,
    kind: SecretKind,
    sealed: bytes,
    hint: str,
    public_key: bytes | None = None,
    life: timedelta | None = None,
) -> None:
    """Store a key that signs from now on, for ``life`` if that is given."""
    values = {
        "tenant_id": tenant_id,
        "of": endpoint_id,
        "kind": kind.value,
        "sealed": sealed,
        "hint": hint,
        "public_key": public_key,
        "life": life,
    }
    await connection.execute(_ADD, values)


async def expire_secrets(
    connection: AsyncConnection,
    tenant_id: int,
    endpoint_id: UUID | None,
    *,
    kind: SecretKind,
    grace: timedelta,
    room: int = 1,
) -> None:
    """Let what signs until now sign no longer than ``grace``, and leave room for a new key.

    Args:
        connection: In the transaction that adds the new key.
        tenant_id: Whose keys.
        endpoint_id: ``None``: the tenant's own.
        kind: Only keys of this kind.
        grace: Zero: they end now.
        room: So many keys will be added; the oldest beyond the most allowed go.
    """
    of = {"tenant_id": tenant_id, "of": endpoint_id, "kind": kind.value}
    await connection.execute(_EXPIRE, {**of, "grace": grace})
    await connection.execute(_PRUNE, {**of, "most": MOST_SIGNING - room})


async def valid_secrets(
    connection: AsyncConnection, tenant_id: int, endpoint_id: UUID | None
) -> list[StoredSecret]:
    """Return the keys that sign now, newest first."""
    values = {"tenant_id": tenant_id, "of": endpoint_id}
    return [_secret(row) for row in await connection.execute(_VALID, values)]


async def secrets_of_endpoints(
    connection: AsyncConnection, tenant_id: int, endpoint_ids: Sequence[UUID]
) -> dict[UUID, list[StoredSecret]]:
    """Return the keys that sign now, newest first, per endpoint of one tenant."""
    values = {"tenant_id": tenant_id, "of": list(endpoint_ids)}
    found: dict[UUID, list[StoredSecret]] = {one: [] for one in endpoint_ids}
    for row in await connection.execute(_OF_MANY, values):
        found[row.endpoint_id].append(_secret(row))
    return found


async def public_keys(connection: AsyncConnection, endpoint_id: UUID) -> list[bytes] | None:
    """Return the Ed25519 keys that verify what an endpoint is sent now, newest first.

    ``None``: there is no such endpoint.
    """
    found = await connection.execute(_PUBLIC, {"id": endpoint_id})
    row = found.one_or_none()
    return None if row is None else [bytes(key) for key in row.public_keys or ()]


def _secret(row: Any) -> StoredSecret:
    return StoredSecret(
        id=row.id,
        tenant_id=row.tenant_id,
        endpoint_id=row.endpoint_id,
        kind=SecretKind(row.kind),
        sealed=row.sealed,
        hint=row.hint,
        public_key=row.public_key,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )

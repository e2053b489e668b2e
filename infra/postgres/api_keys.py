"""API keys: recognised by their digest, made, listed, replaced, revoked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import extract, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.tenants import TENANT_COLUMNS, Caller, tenant_of_row
from schemas.api_key import ApiKey, KeyStatus
from schemas.scopes import KeyScope, granted, in_order
from schemas.tables.tenants import api_key, tenant


@dataclass(frozen=True, slots=True)
class FoundKey:
    """A key that is stored, whatever it is worth.

    Attributes:
        expires_at: From then on it does not work; ``None`` is never.
        seconds_left: Until then, by PostgreSQL's clock.
        unnoted: Its latest use was noted a minute ago or longer.
    """

    caller: Caller
    revoked_at: datetime | None
    expires_at: datetime | None
    seconds_left: float | None
    unnoted: bool

    @property
    def works(self) -> bool:
        """Whether it was neither revoked nor has expired."""
        return self.revoked_at is None and (self.seconds_left is None or self.seconds_left > 0)


_USED: Final = "1 minute"

_OF_DIGEST: Final = select(
    *TENANT_COLUMNS,
    api_key.c.id.label("key_id"),
    api_key.c.prefix,
    api_key.c.scopes,
    api_key.c.revoked_at,
    api_key.c.expires_at,
    extract("epoch", api_key.c.expires_at - func.clock_timestamp()).label("seconds_left"),
    func.coalesce(
        api_key.c.last_used_at < func.now() - text(f"interval '{_USED}'"), True
    ).label("unnoted"),
).select_from(api_key.join(tenant, api_key.c.tenant_id == tenant.c.id))

# Whoever else notes the same keys just now does it for all.
_NOTE: Final = text(f"""
WITH used AS MATERIALIZED (
  SELECT id FROM api_key WHERE id = ANY (CAST(:ids AS uuid[]))
    AND (last_used_at IS NULL OR last_used_at < now() - interval '{_USED}')
  ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)
UPDATE api_key SET last_used_at = now() FROM used WHERE api_key.id = used.id
""")


_COLUMNS: Final = """
id, tenant_id, name, prefix, scopes, created_at, expires_at, last_used_at, revoked_at,
replaced_by, COALESCE(expires_at <= clock_timestamp(), false) AS expired
"""

_LIST: Final = text(f"""
SELECT {_COLUMNS} FROM api_key WHERE tenant_id = :tenant_id
  AND (CAST(:before AS uuid) IS NULL OR id < CAST(:before AS uuid))
ORDER BY id DESC LIMIT :limit
""")

_GET: Final = text(f"SELECT {_COLUMNS} FROM api_key WHERE tenant_id = :tenant_id AND id = :id")
_LOCK: Final = text(f"""
SELECT {_COLUMNS} FROM api_key WHERE tenant_id = :tenant_id AND id = :id FOR NO KEY UPDATE
""")

_ADD: Final = text(f"""
INSERT INTO api_key (tenant_id, name, prefix, digest, scopes, expires_at)
VALUES (:tenant_id, :name, :prefix, :digest, CAST(:scopes AS text[]),
  CAST(:expires_at AS timestamptz))
RETURNING {_COLUMNS}
""")

# It may do the same, and lives as long as the old one was to live.
_ADD_LIKE: Final = text(f"""
INSERT INTO api_key (tenant_id, name, prefix, digest, scopes, expires_at)
SELECT tenant_id, name, :prefix, :digest, scopes,
  COALESCE(CAST(:expires_at AS timestamptz), now() + (expires_at - created_at))
FROM api_key WHERE tenant_id = :tenant_id AND id = :id
RETURNING {_COLUMNS}
""")

_REPLACE: Final = text("""
UPDATE api_key SET replaced_by = :by,
  expires_at = LEAST(expires_at, now() + CAST(:overlap AS interval))
WHERE tenant_id = :tenant_id AND id = :id
""")

_REVOKE: Final = text(f"""
UPDATE api_key SET revoked_at = COALESCE(revoked_at, now())
WHERE tenant_id = :tenant_id AND id = :id RETURNING {_COLUMNS}
""")

_GRANT: Final = text("""
UPDATE api_key SET scopes = CAST(:scopes AS text[]) WHERE tenant_id = :tenant_id AND id = :id
""")


async def find_key(connection: AsyncConnection, digest: bytes) -> FoundKey | None:
    """Return the key with this digest, and whose it is."""
    query = _OF_DIGEST.where(api_key.c.digest == digest)
    row: Any = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    left = row.seconds_left
    return FoundKey(
        caller=Caller(tenant_of_row(row), row.key_id, row.prefix, granted(row.scopes)),
        revoked_at=row.revoked_at,
        expires_at=row.expires_at,
        seconds_left=None if left is None else float(left),
        unnoted=row.unnoted,
    )


async def list_keys(
    connection: AsyncConnection, tenant_id: int, *, limit: int, before: UUID | None = None
) -> list[ApiKey]:
    """Return a tenant's keys, newest first: those that were made before ``before``."""
    values = {"tenant_id": tenant_id, "limit": limit, "before": before}
    return [_key(row) for row in await connection.execute(_LIST, values)]


async def get_key(
    connection: AsyncConnection, tenant_id: int, key_id: UUID, *, lock: bool = False
) -> ApiKey | None:
    """Return one key of a tenant; locked, nobody else changes it until the end."""
    values = {"tenant_id": tenant_id, "id": key_id}
    row = (await connection.execute(_LOCK if lock else _GET, values)).one_or_none()
    return None if row is None else _key(row)


async def insert_key(
    connection: AsyncConnection,
    tenant_id: int,
    *,
    name: str,
    prefix: str,
    digest: bytes,
    scopes: Iterable[KeyScope] | None = None,
    expires_at: datetime | None = None,
) -> ApiKey:
    """Store a new key; ``None`` for scopes is everything of its own tenant."""
    values = {
        "tenant_id": tenant_id,
        "name": name,
        "prefix": prefix,
        "digest": digest,
        "scopes": None if scopes is None else in_order(scopes),
        "expires_at": expires_at,
    }
    return _key((await connection.execute(_ADD, values)).one())


async def replace_key(
    connection: AsyncConnection,
    old: ApiKey,
    *,
    prefix: str,
    digest: bytes,
    expires_at: datetime | None,
    overlap: timedelta,
) -> ApiKey:
    """Store a key in place of ``old``, which this transaction has locked and which ends then.

    Args:
        connection: In a transaction.
        old: Works for ``overlap`` longer, unless it was to end before that.
        prefix: Of the new key.
        digest: Of the new key.
        expires_at: ``None``: it lives as long as the old one was to live.
        overlap: From now.
    """
    of = {"tenant_id": old.tenant_id, "id": old.id}
    values = {**of, "prefix": prefix, "digest": digest, "expires_at": expires_at}
    new = _key((await connection.execute(_ADD_LIKE, values)).one())
    await connection.execute(_REPLACE, {**of, "by": new.id, "overlap": overlap})
    return new


async def revoke_key(
    connection: AsyncConnection, tenant_id: int, key_id: UUID
) -> ApiKey | None:
    """End a key now, if the tenant has it; one that was revoked before stays as it was."""
    values = {"tenant_id": tenant_id, "id": key_id}
    row = (await connection.execute(_REVOKE, values)).one_or_none()
    return None if row is None else _key(row)


async def grant_scopes(
    connection: AsyncConnection, tenant_id: int, key_id: UUID, scopes: Iterable[KeyScope]
) -> None:
    """Let a key do this, and nothing else."""
    values = {"tenant_id": tenant_id, "id": key_id, "scopes": in_order(scopes)}
    await connection.execute(_GRANT, values)


async def note_use(connection: AsyncConnection, key_ids: Sequence[UUID]) -> None:
    """Write that keys were used now, unless that was written within the last minute."""
    await connection.execute(_NOTE, {"ids": list(key_ids)})


def _key(row: Any) -> ApiKey:
    revoked = KeyStatus.REVOKED if row.revoked_at is not None else None
    return ApiKey(
        id=row.id,
        tenant_id=row.tenant_id,
        name=row.name,
        prefix=row.prefix,
        scopes=granted(row.scopes),
        status=revoked or (KeyStatus.EXPIRED if row.expired else KeyStatus.ACTIVE),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
        replaced_by=row.replaced_by,
    )

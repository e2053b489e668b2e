"""Safety policies: versions that never change, and which one of each tenant counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

INSTALLATION: Final = 0
"""Whose policy all others follow."""

# "po"
_LOCK_CLASS: Final = 0x706F

_COLUMNS: Final = """
tenant_id, version, document, digest, created_at, created_by, approved_by, activated_at,
activated_by, retired_at
"""
# What counts is on an index of its own: as many rows as tenants have policies.
_ACTIVE: Final = text("""
SELECT tenant_id, version FROM safety_policy
WHERE activated_at IS NOT NULL AND retired_at IS NULL
""")
_LOCK: Final = text(
    "SELECT pg_advisory_xact_lock(:class, CAST(hashint8(:tenant_id) AS integer))"
)
_GET: Final = text(f"""
SELECT {_COLUMNS} FROM safety_policy WHERE tenant_id = :tenant_id AND version = :version
""")
_GET_ACTIVE: Final = text(f"""
SELECT {_COLUMNS} FROM safety_policy
WHERE tenant_id = :tenant_id AND activated_at IS NOT NULL AND retired_at IS NULL
""")
_LIST: Final = text(f"""
SELECT {_COLUMNS} FROM safety_policy WHERE tenant_id = :tenant_id
  AND version < COALESCE(CAST(:before AS integer), 2147483647)
ORDER BY version DESC LIMIT :limit
""")
_ADD: Final = text(f"""
INSERT INTO safety_policy (tenant_id, version, document, digest, created_by)
SELECT :tenant_id, COALESCE(max(version), 0) + 1, CAST(:document AS jsonb), :digest, :by
FROM safety_policy WHERE tenant_id = :tenant_id
RETURNING {_COLUMNS}
""")
_APPROVE: Final = text(f"""
UPDATE safety_policy SET approved_by = :by
WHERE tenant_id = :tenant_id AND version = :version RETURNING {_COLUMNS}
""")
_RETIRE: Final = text("""
UPDATE safety_policy SET retired_at = now()
WHERE tenant_id = :tenant_id AND activated_at IS NOT NULL AND retired_at IS NULL
""")
_ACTIVATE: Final = text(f"""
UPDATE safety_policy SET activated_at = now(), activated_by = :by, retired_at = NULL
WHERE tenant_id = :tenant_id AND version = :version RETURNING {_COLUMNS}
""")


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """A version of a policy.

    Attributes:
        tenant_id: Whose; ``INSTALLATION`` for all.
        document: JSON, as it was checked when it was stored.
        digest: SHA-256 of its canonical JSON, 32 bytes.
        created_by: Who wrote it, as the audit log tells it; likewise the others.
        approved_by: The second person.
        retired_at: When another version took its place.
    """

    tenant_id: int
    version: int
    document: Mapping[str, Any]
    digest: bytes
    created_at: datetime
    created_by: str
    approved_by: str | None
    activated_at: datetime | None
    activated_by: str | None
    retired_at: datetime | None

    @property
    def active(self) -> bool:
        """Whether it counts."""
        return self.activated_at is not None and self.retired_at is None


async def active_versions(connection: AsyncConnection) -> dict[int, int]:
    """Return which version of each tenant's policy counts, for the cache of a process."""
    return {row.tenant_id: row.version for row in await connection.execute(_ACTIVE)}


async def get_policy(
    connection: AsyncConnection, tenant_id: int, version: int
) -> StoredPolicy | None:
    """Return a version, if there is one."""
    which = {"tenant_id": tenant_id, "version": version}
    return _maybe((await connection.execute(_GET, which)).one_or_none())


async def active_policy(connection: AsyncConnection, tenant_id: int) -> StoredPolicy | None:
    """Return the version that counts, if one does."""
    found = await connection.execute(_GET_ACTIVE, {"tenant_id": tenant_id})
    return _maybe(found.one_or_none())


async def list_policies(
    connection: AsyncConnection, tenant_id: int, *, before: int | None, limit: int
) -> Sequence[StoredPolicy]:
    """Return versions, newest first, older than ``before``."""
    which = {"tenant_id": tenant_id, "before": before, "limit": limit}
    return [_policy(row) for row in await connection.execute(_LIST, which)]


async def lock_policies(connection: AsyncConnection, tenant_id: int) -> None:
    """Let nobody else change this tenant's policies until the transaction ends."""
    await connection.execute(_LOCK, {"class": _LOCK_CLASS, "tenant_id": tenant_id})


async def add_policy(
    connection: AsyncConnection,
    tenant_id: int,
    *,
    document: Mapping[str, Any],
    digest: bytes,
    by: str,
) -> StoredPolicy:
    """Store a new version; ``lock_policies`` comes before."""
    row = await connection.execute(
        _ADD,
        {
            "tenant_id": tenant_id,
            "document": orjson.dumps(document).decode(),
            "digest": digest,
            "by": by,
        },
    )
    return _policy(row.one())


async def approve_policy(
    connection: AsyncConnection, tenant_id: int, version: int, *, by: str
) -> StoredPolicy:
    """Note who else wants a version; ``lock_policies`` comes before."""
    which = {"tenant_id": tenant_id, "version": version, "by": by}
    return _policy((await connection.execute(_APPROVE, which)).one())


async def activate_policy(
    connection: AsyncConnection, tenant_id: int, version: int, *, by: str
) -> StoredPolicy:
    """Let a version count, and no other; ``lock_policies`` comes before."""
    await connection.execute(_RETIRE, {"tenant_id": tenant_id})
    which = {"tenant_id": tenant_id, "version": version, "by": by}
    return _policy((await connection.execute(_ACTIVATE, which)).one())


def _maybe(row: Row[Any] | None) -> StoredPolicy | None:
    return None if row is None else _policy(row)


def _policy(row: Row[Any]) -> StoredPolicy:
    return StoredPolicy(
        tenant_id=row.tenant_id,
        version=row.version,
        document=row.document,
        digest=bytes(row.digest),
        created_at=row.created_at,
        created_by=row.created_by,
        approved_by=row.approved_by,
        activated_at=row.activated_at,
        activated_by=row.activated_by,
        retired_at=row.retired_at,
    )

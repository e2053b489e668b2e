"""Bindings of chats to tenants."""

from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.chat import Platform
from schemas.chat_binding import ChatBinding, ChatRules

_COLUMNS: Final = """
b.id, b.platform, b.place_id, b.user_id, b.tenant_id, t.name AS tenant, b.rules,
b.paused_at, b.paused_reason, b.created_at, b.updated_at
"""
_READ: Final = f"SELECT {_COLUMNS} FROM chat_binding b JOIN tenant t ON t.id = b.tenant_id"

# Three probes of the unique index. In a private conversation the place is empty.
_FIND: Final = text(f"""{_READ}
WHERE b.platform = :platform AND (b.place_id, b.user_id) IN (
  (:place_id, :user_id), (NULLIF(:place_id, ''), ''), ('', :user_id))
ORDER BY b.place_id = '', b.user_id = '' LIMIT 1
""")
# Class of the advisory locks: "gqcb". A binding that is not there yet has no row to lock.
_LOCKS: Final = 0x67716362
_LOCK: Final = text("SELECT pg_advisory_xact_lock(:locks, hashtext(:bound))")
_GET: Final = text(f"{_READ} WHERE b.id = :id")
_LIST: Final = text(f"""{_READ}
WHERE (CAST(:tenant_id AS bigint) IS NULL OR b.tenant_id = :tenant_id)
  AND (CAST(:platform AS text) IS NULL OR b.platform = :platform)
  AND (CAST(:before AS uuid) IS NULL OR b.id < CAST(:before AS uuid))
ORDER BY b.id DESC LIMIT :limit
""")
_PUT: Final = text(f"""
WITH b AS (
  INSERT INTO chat_binding AS x (platform, place_id, user_id, tenant_id, rules)
  VALUES (:platform, :place_id, :user_id, :tenant_id, :rules)
  ON CONFLICT (platform, place_id, user_id) DO UPDATE SET tenant_id = excluded.tenant_id,
    rules = excluded.rules, paused_at = NULL, paused_reason = NULL, updated_at = now()
  RETURNING *)
SELECT {_COLUMNS} FROM b JOIN tenant t ON t.id = b.tenant_id
""").bindparams(bindparam("rules", type_=JSONB))
# Of what was read: neither whose it is nor whether it is paused has changed since.
_REVISE: Final = text(f"""
WITH b AS (
  UPDATE chat_binding SET rules = :rules, updated_at = clock_timestamp()
  WHERE id = :id AND tenant_id = :tenant_id AND updated_at = :updated_at RETURNING *)
SELECT {_COLUMNS} FROM b JOIN tenant t ON t.id = b.tenant_id
""").bindparams(bindparam("rules", type_=JSONB))
_DELETE: Final = text("DELETE FROM chat_binding WHERE id = :id RETURNING true")
_PAUSE: Final = text("""
UPDATE chat_binding SET paused_at = now(), paused_reason = :reason, updated_at = now()
WHERE id = :id AND paused_at IS NULL RETURNING true
""")
_RESUME: Final = text("""
UPDATE chat_binding SET paused_at = NULL, paused_reason = NULL, updated_at = now()
WHERE id = :id AND paused_at IS NOT NULL RETURNING true
""")


async def find_binding(
    connection: AsyncConnection, platform: Platform, place_id: str, user_id: str
) -> ChatBinding | None:
    """Return what holds for somebody somewhere.

    First what is said of the person in that place, then of the place, then of the person
    anywhere; a paused one is found as any other.
    """
    which = {"platform": platform.value, "place_id": place_id, "user_id": user_id}
    return _found(await connection.execute(_FIND, which))


async def lock_binding(
    connection: AsyncConnection, platform: Platform, place_id: str, user_id: str
) -> None:
    """Let nobody else change the binding of just this place or person before the commit."""
    bound = f"{platform} {place_id} {user_id}"
    await connection.execute(_LOCK, {"locks": _LOCKS, "bound": bound})


async def get_binding(connection: AsyncConnection, binding_id: UUID) -> ChatBinding | None:
    """Return one binding."""
    return _found(await connection.execute(_GET, {"id": binding_id}))


async def list_bindings(
    connection: AsyncConnection,
    *,
    limit: int,
    tenant_id: int | None = None,
    platform: Platform | None = None,
    before: UUID | None = None,
) -> list[ChatBinding]:
    """Return bindings, newest first: of all tenants or of one, those made before ``before``."""
    values = {
        "tenant_id": tenant_id,
        "platform": platform.value if platform else None,
        "before": before,
        "limit": limit,
    }
    return [_binding(row) for row in await connection.execute(_LIST, values)]


async def put_binding(
    connection: AsyncConnection,
    *,
    platform: Platform,
    place_id: str,
    user_id: str,
    tenant_id: int,
    rules: ChatRules,
) -> ChatBinding:
    """Bind a place or a person, not paused; what was said of them before is replaced."""
    values = {
        "platform": platform.value,
        "place_id": place_id,
        "user_id": user_id,
        "tenant_id": tenant_id,
        "rules": rules.model_dump(mode="json", exclude_defaults=True),
    }
    return _binding((await connection.execute(_PUT, values)).one())


async def revise_binding(
    connection: AsyncConnection, before: ChatBinding, rules: ChatRules
) -> ChatBinding | None:
    """Change the rules of a binding and nothing else; ``None``: it is not as it was read."""
    values = {
        "id": before.id,
        "tenant_id": before.tenant_id,
        "updated_at": before.updated_at,
        "rules": rules.model_dump(mode="json", exclude_defaults=True),
    }
    return _found(await connection.execute(_REVISE, values))


async def delete_binding(connection: AsyncConnection, binding_id: UUID) -> bool:
    """Return whether there was one, which is gone now."""
    gone = await connection.execute(_DELETE, {"id": binding_id})
    return gone.one_or_none() is not None


async def pause_binding(connection: AsyncConnection, binding_id: UUID, reason: str) -> bool:
    """Make and send nothing there any more; return whether it was not paused already."""
    paused = await connection.execute(_PAUSE, {"id": binding_id, "reason": reason})
    return paused.one_or_none() is not None


async def resume_binding(connection: AsyncConnection, binding_id: UUID) -> bool:
    """Serve there again; return whether it was paused."""
    resumed = await connection.execute(_RESUME, {"id": binding_id})
    return resumed.one_or_none() is not None


def _found(rows: Any) -> ChatBinding | None:
    row = rows.one_or_none()
    return None if row is None else _binding(row)


def _binding(row: Row[Any]) -> ChatBinding:
    return ChatBinding(
        id=row.id,
        platform=Platform(row.platform),
        place_id=row.place_id,
        user_id=row.user_id,
        tenant_id=row.tenant_id,
        tenant=row.tenant,
        rules=ChatRules.model_validate(row.rules),
        created_at=row.created_at,
        updated_at=row.updated_at,
        paused_at=row.paused_at,
        paused_reason=row.paused_reason,
    )

"""The objects of jobs whose content goes: what was handed out, and what never was."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.objectstore.store import ObjectStore
from infra.pending import open_pending
from infra.postgres.erase_content import objects_of, pending_of
from infra.sealing import sealer_for
from infra.settings import Settings
from schemas.webhook_errors import SealedValueError

_AT_ONCE = 16

_log = structlog.get_logger()


async def keys_of(
    connection: AsyncConnection, settings: Settings, job_ids: Sequence[UUID]
) -> list[str]:
    """Return where jobs have stored what they made, quarantine included."""
    keys = await objects_of(connection, job_ids)
    sealer = sealer_for(settings)
    for tenant_id, job_id, sealed in await pending_of(connection, job_ids):
        try:
            pending = open_pending(sealer, tenant_id, job_id, sealed)
        except SealedValueError as error:
            _log.error("pending_unreadable", reason=error.message)
        else:
            keys += [artifact.key for artifact in pending.artifacts]
    return keys


async def delete_objects(store: ObjectStore, keys: Sequence[str]) -> None:
    """Delete objects, some at a time.

    Raises:
        ObjectStoreError: One could not be deleted; the others may be.
    """
    for start in range(0, len(keys), _AT_ONCE):
        chunk = keys[start : start + _AT_ONCE]
        await asyncio.gather(*(store.delete(key) for key in chunk))

"""Anchors: what the chains had come to, signed, and kept outside of the database as well.

Whoever can write to the database can cut off the end of a chain, or write a chain anew. They
cannot sign, and what is in the object store tells how far the chains had come.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.audit_bytes import (
    AuditKey,
    anchor_as_object,
    anchor_body,
    anchor_from_object,
    heads_of,
    key_of,
)
from infra.objectstore.opening import open_store
from infra.objectstore.store import ObjectStore
from infra.postgres.audit_log import (
    add_anchor,
    anchor_time,
    last_anchor,
    moved_heads,
    take_anchor_turn,
)
from infra.postgres.engine import transaction, whole_transactions
from infra.settings import Settings
from schemas.audit import Anchor
from schemas.errors import DatabaseUnavailableError, ObjectMissingError, ObjectStoreError

NEWEST = "audit/newest.json"
_JSON = "application/json"

_log = structlog.get_logger()


def object_of(anchor_id: int) -> str:
    """Return the key of one anchor in the object store."""
    return f"audit/{anchor_id:012d}.json"


async def anchor(engine: AsyncEngine, store: ObjectStore, key: AuditKey) -> Anchor | None:
    """Sign what moved since the last anchor; return the new anchor, or ``None`` if none did.

    Any number of processes may try at once; one does it.

    Raises:
        DatabaseUnavailableError: PostgreSQL cannot be reached.
        ObjectStoreError: The anchor is in the database, but not outside of it.
    """
    async with transaction(whole_transactions(engine)) as connection:
        if not await take_anchor_turn(connection):
            return None
        before = await last_anchor(connection)
        at = await anchor_time(connection)
        moved = await moved_heads(connection, before.at if before else None)
        if before is not None:
            known = heads_of(before)
            moved = [head for head in moved if head not in known]
            await _keep_outside(store, before)
        if not moved:
            return None
        body = anchor_body(at, moved, before)
        made = Anchor(0, at, body, key.sign(body), key.id)
        made = Anchor(await add_anchor(connection, made), at, body, made.signature, key.id)
    await _put(store, made)
    _log.info("audit_anchored", anchor=made.id, chains=len(moved))
    return made


@asynccontextmanager
async def anchoring(engine: AsyncEngine, settings: Settings) -> AsyncGenerator[None]:
    """Anchor at once and every ``audit_anchor_every`` inside the block.

    Raises:
        SettingsError: ``GENQ_AUDIT_KEY`` is not a key.
    """
    task = asyncio.create_task(_keep_anchored(engine, settings, key_of(settings)))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _keep_anchored(engine: AsyncEngine, settings: Settings, key: AuditKey) -> None:
    store = open_store(settings)
    try:
        while True:
            try:
                await anchor(engine, store, key)
            except (DatabaseUnavailableError, ObjectStoreError) as error:
                _log.warning("audit_not_anchored", code=error.code, reason=error.message)
            except Exception:  # noqa: BLE001 - the dispatcher must not end over its log
                _log.exception("audit_not_anchored")
            await asyncio.sleep(settings.audit_anchor_every.total_seconds())
    finally:
        await store.close()


async def outside(store: ObjectStore, name: str) -> Anchor | None:
    """Return an anchor as the object store has it; ``None``: nothing, or no anchor.

    Raises:
        ObjectStoreError: The object store cannot be reached.
    """
    try:
        stored = await store.get(name)
        return anchor_from_object(await stored.read())
    except (ObjectMissingError, ValueError):
        return None


async def _keep_outside(store: ObjectStore, last: Anchor) -> None:
    """Put the last anchor outside if whoever made it did not come to that.

    A newer one there is evidence, and stays.
    """
    newest = await outside(store, NEWEST)
    if newest is None or newest.id < last.id:
        await _put(store, last)
    elif newest.id > last.id:
        _log.error("audit_anchor_missing", anchor=newest.id)


async def _put(store: ObjectStore, made: Anchor) -> None:
    data = anchor_as_object(made)
    # The one by number first: the newest must never name one that is not there.
    await store.put(object_of(made.id), data, _JSON)
    await store.put(NEWEST, data, _JSON)

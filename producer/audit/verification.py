"""Is the audit log what was written? Every chain, every anchor, and the copies outside."""

from collections import defaultdict
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from infra.audit_bytes import (
    AuditKey,
    entry_hash,
    follows,
    heads_of,
)
from infra.objectstore.store import ObjectStore
from infra.postgres.audit_log import chains, read_anchors, read_chain
from infra.postgres.engine import transaction, whole_transactions
from producer.audit.anchors import NEWEST, object_of, outside
from schemas.audit import GENESIS, Anchor

_PAGE = 1000


@dataclass(slots=True)
class Verdict:
    """What was found.

    Attributes:
        faults: One sentence each; none: the log is what was written.
        unanchored: Entries that no anchor covers yet; cutting them off would go unnoticed.
    """

    entries: int = 0
    chains: int = 0
    anchors: int = 0
    unanchored: int = 0
    faults: list[str] = field(default_factory=list[str])


async def verify(engine: AsyncEngine, store: ObjectStore, key: AuditKey) -> Verdict:
    """Read the whole log and say what is wrong with it.

    Raises:
        DatabaseUnavailableError: PostgreSQL cannot be reached.
        ObjectStoreError: The object store cannot be reached.
    """
    verdict = Verdict()
    async with transaction(whole_transactions(engine)) as connection:
        heads, newest = await _check_anchors(connection, store, key, verdict)
        found = await chains(connection)
        for tenant_id in found:
            await _check_chain(connection, tenant_id, heads.pop(tenant_id, {}), verdict)
        verdict.chains = len(found)
    for tenant_id in sorted(heads):
        verdict.faults.append(f"{_chain(tenant_id)}: an anchor knows it, and it is gone")
    verdict.faults += await _check_newest(engine, store, key, newest)
    return verdict


async def _check_anchors(
    connection: AsyncConnection, store: ObjectStore, key: AuditKey, verdict: Verdict
) -> tuple[dict[int, dict[int, bytes]], Anchor | None]:
    """Return what the anchors say of each chain, place to hash, and the last anchor."""
    heads: dict[int, dict[int, bytes]] = defaultdict(dict)
    before: Anchor | None = None
    while page := await read_anchors(connection, after=before.id if before else 0, limit=_PAGE):
        for anchor in page:
            verdict.anchors += 1
            if not key.signed(anchor.body, anchor.signature):
                verdict.faults.append(_unsigned(anchor, key))
            elif not follows(anchor, before):
                verdict.faults.append(f"anchor {anchor.id}: the one before it is not there")
            else:
                for head in heads_of(anchor):
                    heads[head.tenant_id][head.seq] = head.hash
            verdict.faults += await _compare_outside(store, before, anchor)
            before = anchor
    return heads, before


async def _check_chain(
    connection: AsyncConnection, tenant_id: int, anchored: dict[int, bytes], verdict: Verdict
) -> None:
    seq, prev = 0, GENESIS
    while page := await read_chain(connection, tenant_id, after=seq, limit=_PAGE):
        for entry in page:
            place = f"{_chain(tenant_id)}, entry {entry.seq}"
            if entry.seq != seq + 1:
                missing = f"{seq + 1} to {entry.seq - 1}"
                verdict.faults.append(f"{_chain(tenant_id)}: entries {missing} are gone")
            elif entry.prev != prev:
                verdict.faults.append(f"{place}: it does not follow the entry before it")
            if entry_hash(entry) != entry.hash:
                verdict.faults.append(f"{place}: it was changed after it was written")
            if anchored.get(entry.seq, entry.hash) != entry.hash:
                verdict.faults.append(f"{place}: an anchor knows another entry in its place")
            verdict.entries += 1
            seq, prev = entry.seq, entry.hash
    last = max(anchored, default=0)
    if last > seq:
        verdict.faults.append(
            f"{_chain(tenant_id)}: entries {seq + 1} to {last} were anchored and are gone"
        )
    verdict.unanchored += max(0, seq - last)


async def _compare_outside(
    store: ObjectStore, before: Anchor | None, anchor: Anchor
) -> list[str]:
    # A number may be missing because its transaction failed; then it is nowhere.
    between = range(before.id + 1 if before else 1, anchor.id)
    faults = [
        _gone(number)
        for number in between
        if await outside(store, object_of(number)) is not None
    ]
    copy = await outside(store, object_of(anchor.id))
    if copy is None:
        faults.append(f"anchor {anchor.id}: {object_of(anchor.id)} is not in the object store")
    elif (copy.body, copy.signature) != (anchor.body, anchor.signature):
        faults.append(f"anchor {anchor.id}: its copy in the object store says something else")
    return faults


async def _check_newest(
    engine: AsyncEngine, store: ObjectStore, key: AuditKey, last: Anchor | None
) -> list[str]:
    """Anchors can be cut off like entries: the object store knows the newest."""
    newest = await outside(store, NEWEST)
    if newest is None or not key.signed(newest.body, newest.signature):
        missing = f"{NEWEST} is not in the object store, or not signed by genq"
        return [missing] if last is not None else []
    if last is not None and newest.id <= last.id:
        return []
    # It may have been made while we read.
    async with transaction(whole_transactions(engine)) as connection:
        later = await read_anchors(connection, after=newest.id - 1, limit=1)
    return [] if later and later[0].id == newest.id else [_gone(newest.id)]


def _gone(number: int) -> str:
    return f"anchor {number} is in the object store, and gone from the database"


def _unsigned(anchor: Anchor, key: AuditKey) -> str:
    if anchor.key_id != key.id:
        return (
            f"anchor {anchor.id}: signed by key {anchor.key_id}, and GENQ_AUDIT_KEY is {key.id}"
        )
    return f"anchor {anchor.id}: the signature is not genq's"


def _chain(tenant_id: int) -> str:
    return f"chain of tenant {tenant_id}" if tenant_id else "chain of the installation"

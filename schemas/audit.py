"""The audit log: one hash chain per tenant. What an entry is, and what breaks a chain.

Every entry holds the hash of the one before it, so that a changed, removed or inserted entry
shows in all that follow. A tail that is cut off shows against a signed anchor, which says how
far a chain had come.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

INSTALLATION: Final = 0
"""The chain of what concerns no single tenant."""

GENESIS: Final = bytes(32)
"""What the first entry of a chain has before it."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Detail = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to which object.

    Attributes:
        tenant_id: Whose chain it is in; ``INSTALLATION`` for none.
        seq: Its place, from 1, without gaps.
        at: When, aware, to the microsecond.
        actor: ``key gq_abcdefgh`` or ``operator name@host``.
        action: Such as ``key.created``.
        object: What it was done to, such as ``tenant acme``.
        detail: JSON of texts, whole numbers, booleans, null, lists and objects: no secret, no
            prompt, and no float, whose text could change on the way through the database.
        prev: The hash of the entry before it, 32 bytes.
        hash: Its own.
    """

    tenant_id: int
    seq: int
    at: datetime
    actor: str
    action: str
    object: str
    detail: Detail
    prev: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """How far a chain has come."""

    tenant_id: int
    seq: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Anchor:
    """The heads of all chains that moved since the anchor before, under a signature.

    Attributes:
        body: The exact bytes that were signed; see ``anchor_facts``.
        signature: Ed25519, 64 bytes.
        key_id: Which key signed it.
    """

    id: int
    at: datetime
    body: bytes
    signature: bytes
    key_id: str


def hash_of(prev: bytes, canonical: bytes) -> bytes:
    """Return the hash of an entry: SHA-256 over the hash before it and its canonical bytes."""
    return hashlib.sha256(prev + canonical).digest()


def facts_of(entry: AuditEntry) -> list[Any]:
    """Return what of an entry is hashed; its canonical bytes are these as JSON, keys sorted."""
    return [
        entry.tenant_id,
        entry.seq,
        micros(entry.at),
        entry.actor,
        entry.action,
        entry.object,
        entry.detail,
    ]


def micros(at: datetime) -> int:
    """Return an instant as whole microseconds since 1970, without a float on the way."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def heads_as_json(heads: Iterable[Head]) -> dict[str, list[Any]]:
    """Return heads as an anchor holds them: tenant id to place and hash in hex."""
    return {
        str(head.tenant_id): [head.seq, head.hash.hex()]
        for head in sorted(heads, key=lambda head: head.tenant_id)
    }


def heads_from_json(shown: Mapping[str, Sequence[Any]]) -> list[Head]:
    """Return the heads of an anchor's JSON."""
    return [
        Head(int(tenant), int(seq), bytes.fromhex(digest))
        for tenant, (seq, digest) in shown.items()
    ]

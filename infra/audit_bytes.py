"""The exact bytes that the audit log hashes and signs, and the key that signs them."""

import base64
import binascii
import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from infra.settings import Settings
from schemas.audit import (
    Anchor,
    AuditEntry,
    Head,
    facts_of,
    hash_of,
    heads_as_json,
    heads_from_json,
    micros,
)
from schemas.errors import SettingsError

_SEED_BYTES: Final = 32
_KEY_ID_CHARACTERS: Final = 16


def entry_hash(entry: AuditEntry) -> bytes:
    """Return what ``entry.hash`` must be."""
    canonical = orjson.dumps(facts_of(entry), option=orjson.OPT_SORT_KEYS)
    return hash_of(entry.prev, canonical)


def anchor_body(at: datetime, heads: Iterable[Head], before: Anchor | None) -> bytes:
    """Return the bytes of an anchor: JSON of ``at`` in microseconds, ``heads`` and ``prev``.

    ``prev`` is the SHA-256 of the body of the anchor before it, in hex: none can be left out.
    """
    prev = hashlib.sha256(before.body).hexdigest() if before else None
    facts = {"at": micros(at), "heads": heads_as_json(heads), "prev": prev}
    return orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)


def heads_of(anchor: Anchor) -> list[Head]:
    """Return the heads that an anchor holds."""
    return heads_from_json(orjson.loads(anchor.body)["heads"])


def follows(anchor: Anchor, before: Anchor | None) -> bool:
    """Tell whether ``anchor`` was made right after ``before``; ``None``: as the first."""
    wanted = hashlib.sha256(before.body).hexdigest() if before else None
    return orjson.loads(anchor.body)["prev"] == wanted


def anchor_as_object(anchor: Anchor) -> bytes:
    """Return an anchor as it is kept outside of the database."""
    facts = {
        "id": anchor.id,
        "at": micros(anchor.at),
        "body": anchor.body.decode(),
        "signature": anchor.signature.hex(),
        "key_id": anchor.key_id,
    }
    return orjson.dumps(facts)


def anchor_from_object(data: bytes) -> Anchor:
    """Return the anchor that ``anchor_as_object`` wrote.

    Raises:
        ValueError: Somebody else wrote it.
    """
    facts = orjson.loads(data)
    try:
        return Anchor(
            int(facts["id"]),
            datetime.fromtimestamp(int(facts["at"]) / 1_000_000, UTC),
            str(facts["body"]).encode(),
            bytes.fromhex(facts["signature"]),
            str(facts["key_id"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError("not an anchor") from error


class AuditKey:
    """Signs anchors, and knows its own signatures.

    Args:
        seed: 32 bytes in base64; without it the key is derived from the pepper, which whoever
            can only write to the database does not have either.
        pepper: Of the API keys.

    Raises:
        SettingsError: ``seed`` is not 32 bytes in base64.
    """

    def __init__(self, seed: str | None, pepper: str) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(
            _decoded(seed) if seed else _derived(pepper)
        )
        public = self._key.public_key().public_bytes_raw()
        self.id = hashlib.sha256(public).hexdigest()[:_KEY_ID_CHARACTERS]

    def sign(self, body: bytes) -> bytes:
        """Return the signature, 64 bytes."""
        return self._key.sign(body)

    def signed(self, body: bytes, signature: bytes) -> bool:
        """Tell whether this key made the signature."""
        try:
            self._key.public_key().verify(signature, body)
        except InvalidSignature:
            return False
        return True


def key_of(settings: Settings) -> AuditKey:
    """Return what signs the anchors of an installation.

    Raises:
        SettingsError: ``GENQ_AUDIT_KEY`` is not a key.
    """
    seed = settings.audit_key.get_secret_value() if settings.audit_key else None
    return AuditKey(seed, settings.key_pepper.get_secret_value())


def _derived(pepper: str) -> bytes:
    derivation = HKDF(SHA256(), _SEED_BYTES, salt=None, info=b"genq audit anchors")
    return derivation.derive(pepper.encode())


def _decoded(seed: str) -> bytes:
    try:
        key = base64.b64decode(seed, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _SEED_BYTES:
        raise SettingsError(
            "GENQ_AUDIT_KEY: 32 random bytes in base64: openssl rand -base64 32"
        )
    return key

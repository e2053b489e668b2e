"""Webhook signatures: Standard Webhooks 1.0, symmetric (``v1``) and asymmetric (``v1a``).

The signed text is ``{webhook-id}.{webhook-timestamp}.{body}``; the header carries one token per
key, ``v1,<base64 of HMAC-SHA256>`` or ``v1a,<base64 of Ed25519>``, with exactly one space
between. Secrets read ``whsec_`` and standard, padded base64, the form that the verifiers of
standardwebhooks, svix, openai and replicate all accept.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the public prefix, not a secret
PRIVATE_KEY_PREFIX: Final = "whsk_"
PUBLIC_KEY_PREFIX: Final = "whpk_"
SECRET_BYTES: Final = 32
SEED_BYTES: Final = 32
MOST_SIGNING: Final = 5
"""So many secrets, and so many private keys, sign one delivery: the newest."""

ID_HEADER: Final = "webhook-id"
TIMESTAMP_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"

_KEYS_KEPT: Final = 1024


def format_secret(key: bytes) -> str:
    """Return the text form of a signing key of 24 to 64 bytes."""
    return SECRET_PREFIX + base64.b64encode(key).decode("ascii")


def format_private_key(seed: bytes) -> str:
    """Return ``whsk_…`` for a random seed of 32 bytes: the seed and the public key."""
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    return PRIVATE_KEY_PREFIX + base64.b64encode(seed + public).decode("ascii")


def format_public_key(public: bytes) -> str:
    """Return ``whpk_…``, what a receiver verifies with, for a public key of 32 bytes."""
    return PUBLIC_KEY_PREFIX + base64.b64encode(public).decode("ascii")


def public_key_of(private_key: str) -> bytes:
    """Return the public key, 32 bytes, of ``whsk_…``.

    Raises:
        ValueError: It is not such a key. The text does not repeat it.
    """
    return _opened(private_key).public_key().public_bytes_raw()


def sign(
    *secrets: str,
    private_keys: Sequence[str] = (),
    message_id: str,
    at_seconds: int,
    body: bytes,
) -> dict[str, str]:
    """Return the three headers of one delivery attempt.

    Args:
        secrets: ``whsec_…``, newest first; the first five sign.
        private_keys: ``whsk_…``, newest first; the first five sign, after the secrets.
        message_id: The event's id, the same for every attempt.
        at_seconds: The attempt's time, whole seconds since the epoch.
        body: Exactly the bytes that are sent.

    Raises:
        ValueError: There is nothing to sign with, or a key is not what its place asks for. The
            text repeats no key.
    """
    signed = f"{message_id}.{at_seconds}.".encode() + body
    tokens = [
        "v1," + _base64(_authenticate(secret, signed)) for secret in secrets[:MOST_SIGNING]
    ]
    tokens += [
        "v1a," + _base64(_opened(key).sign(signed)) for key in private_keys[:MOST_SIGNING]
    ]
    if not tokens:
        raise ValueError("there is no secret to sign with")
    return {
        ID_HEADER: message_id,
        TIMESTAMP_HEADER: str(at_seconds),
        SIGNATURE_HEADER: " ".join(tokens),
    }


def _base64(signature: bytes) -> str:
    return base64.b64encode(signature).decode("ascii")


def _authenticate(secret: str, signed: bytes) -> bytes:
    code = _keyed(secret).copy()
    code.update(signed)
    return code.digest()


# The key's own two blocks are hashed once.
@lru_cache(maxsize=_KEYS_KEPT)
def _keyed(secret: str) -> hmac.HMAC:
    return hmac.new(_key_of(secret), digestmod=hashlib.sha256)


def _key_of(secret: str) -> bytes:
    if not secret.startswith(SECRET_PREFIX):
        raise ValueError("the webhook secret does not begin with whsec_")
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise ValueError("the webhook secret is not whsec_ and standard, padded base64")
    return key


# Parsing a key costs more than signing with it.
@lru_cache(maxsize=_KEYS_KEPT)
def _opened(private_key: str) -> Ed25519PrivateKey:
    if not private_key.startswith(PRIVATE_KEY_PREFIX):
        raise ValueError("the private key does not begin with whsk_")
    try:
        raw = base64.b64decode(private_key.removeprefix(PRIVATE_KEY_PREFIX), validate=True)
        key = Ed25519PrivateKey.from_private_bytes(raw[:SEED_BYTES])
    except (binascii.Error, ValueError):
        raise ValueError(
            "the private key is not whsk_ and standard, padded base64 of its seed"
        ) from None
    if raw[SEED_BYTES:] not in {b"", key.public_key().public_bytes_raw()}:
        raise ValueError("the private key's two halves do not belong together")
    return key

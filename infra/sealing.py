"""Secrets at rest: AES-256-GCM under a master key, bound to the place where they are stored.

A sealed value is ``version (1 byte) | key id (4) | nonce (12) | ciphertext, tag``. The key id
is the beginning of the key's SHA-256, so that a value says which of several keys opens it.
"""

import base64
import binascii
import hashlib
import secrets
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from infra.settings import Settings
from schemas.errors import SettingsError
from schemas.webhook_errors import SealedValueError

_VERSION: Final = b"\x01"
_KEY_BYTES: Final = 32
_ID_BYTES: Final = 4
_NONCE_BYTES: Final = 12
_START: Final = len(_VERSION) + _ID_BYTES + _NONCE_BYTES


class Sealer:
    """Seals with the first key, opens with any.

    Args:
        keys: 32 bytes each, newest first; at least one.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._ciphers = {_id_of(key): AESGCM(key) for key in keys}
        self._newest = _id_of(keys[0])

    def seal(self, value: bytes, *, place: str) -> bytes:
        """Return ``value`` encrypted; ``place`` must be said again to open it."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        cipher = self._ciphers[self._newest]
        return _VERSION + self._newest + nonce + cipher.encrypt(nonce, value, place.encode())

    def open(self, sealed: bytes, *, place: str) -> bytes:
        """Return what was sealed.

        Raises:
            SealedValueError: Its key is unknown, it was changed, or it belongs elsewhere.
        """
        key_id = sealed[1 : 1 + _ID_BYTES]
        cipher = self._ciphers.get(key_id)
        if sealed[:1] != _VERSION or cipher is None:
            raise SealedValueError(
                f"a stored secret was sealed with key {key_id.hex()}, which is not configured; "
                "add it to GENQ_SECRETS_KEY, after the newest"
            )
        nonce = sealed[1 + _ID_BYTES : _START]
        try:
            return cipher.decrypt(nonce, sealed[_START:], place.encode())
        except (InvalidTag, ValueError):
            raise SealedValueError(
                "a stored secret was changed, or was copied from another row; set it anew"
            ) from None

    def is_newest(self, sealed: bytes) -> bool:
        """Return whether ``sealed`` was sealed with the key that seals now."""
        return sealed[1 : 1 + _ID_BYTES] == self._newest


def sealer_of(written: str | None, *, pepper: str) -> Sealer:
    """Return the installation's sealer.

    Args:
        written: The value of ``GENQ_SECRETS_KEY``: keys in base64, newest first, with commas
            between; ``None``: one key is derived from the pepper. That one opens in any case,
            so that an installation can come by a key of its own later.
        pepper: ``GENQ_KEY_PEPPER``.

    Raises:
        SettingsError: A key is not 32 bytes in base64.
    """
    derive = HKDF(hashes.SHA256(), _KEY_BYTES, salt=None, info=b"genq secrets at rest")
    own = [] if written is None else [_key_of(part.strip()) for part in written.split(",")]
    return Sealer([*own, derive.derive(pepper.encode())])


def sealer_for(settings: Settings) -> Sealer:
    """Return the sealer that an installation's settings ask for.

    Raises:
        SettingsError: ``GENQ_SECRETS_KEY`` has what is not a key.
    """
    written = settings.secrets_key.get_secret_value() if settings.secrets_key else None
    return sealer_of(written, pepper=settings.key_pepper.get_secret_value())


def _key_of(written: str) -> bytes:
    try:
        key = base64.b64decode(written, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != _KEY_BYTES:
        raise SettingsError(
            "GENQ_SECRETS_KEY: each key must be 32 bytes in base64; make one with "
            "openssl rand -base64 32"
        )
    return key


def _id_of(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()[:_ID_BYTES]

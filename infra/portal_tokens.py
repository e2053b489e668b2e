"""Tokens of portal links: whoever holds one may look after one endpoint, for a while.

A token reads ``gqp_`` and URL-safe base64 of ``endpoint (16 bytes) | tenant (8) | expiry in
seconds since the epoch (8) | epoch (4) | HMAC-SHA256 (32)``. Nothing of it is stored: raising
the endpoint's epoch makes every token void that was made before.
"""

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PORTAL_PREFIX: Final = "gqp_"

_LAYOUT: Final = struct.Struct(">16sqqI")
_DIGEST_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class PortalGrant:
    """What a token says.

    Attributes:
        expires_at: In seconds since the epoch.
        epoch: It holds while the endpoint's is the same.
    """

    endpoint_id: UUID
    tenant_id: int
    expires_at: int
    epoch: int


class PortalTokens:
    """Makes and reads tokens.

    Args:
        pepper: ``GENQ_KEY_PEPPER``; the key that signs is derived from it.
    """

    def __init__(self, pepper: str) -> None:
        derive = HKDF(hashes.SHA256(), _DIGEST_BYTES, salt=None, info=b"genq portal links")
        self._key = derive.derive(pepper.encode())

    def make(self, grant: PortalGrant) -> str:
        """Return the token that says this."""
        said = _LAYOUT.pack(
            grant.endpoint_id.bytes, grant.tenant_id, grant.expires_at, grant.epoch
        )
        signed = said + hmac.digest(self._key, said, hashlib.sha256)
        return PORTAL_PREFIX + base64.urlsafe_b64encode(signed).decode("ascii").rstrip("=")

    def read(self, token: str) -> PortalGrant | None:
        """Return what a token says; ``None``: it was not made here."""
        try:
            said = base64.urlsafe_b64decode(token.removeprefix(PORTAL_PREFIX) + "=")
            endpoint, tenant_id, expires_at, epoch = _LAYOUT.unpack_from(said)
        except (binascii.Error, ValueError, struct.error):
            return None
        grant = PortalGrant(UUID(bytes=endpoint), tenant_id, expires_at, epoch)
        # Made anew, so that there is one way only to write each token.
        made = self.make(grant)
        return grant if hmac.compare_digest(made.encode(), token.encode()) else None

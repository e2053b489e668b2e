"""Tokens of gallery links: whoever holds one may look at one person's pictures, for a while.

A token reads ``gqg_`` and URL-safe base64 of ``tenant (8 bytes) | expiry in seconds since the
epoch (8) | end user in UTF-8 | HMAC-SHA256 (32)``. Nothing of it is stored.
"""

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

GALLERY_PREFIX: Final = "gqg_"

_LAYOUT: Final = struct.Struct(">qq")
_DIGEST_BYTES: Final = 32
# Far past any platform's: what is longer was not made here.
_LONGEST: Final = 600


@dataclass(frozen=True, slots=True)
class GalleryGrant:
    """What a token says.

    Attributes:
        end_user: Whose pictures, as ``<platform>:<user id>``.
        expires_at: In seconds since the epoch.
    """

    tenant_id: int
    end_user: str = field(repr=False)
    expires_at: int


class GalleryTokens:
    """Makes and reads tokens.

    Args:
        pepper: ``GENQ_KEY_PEPPER``; the key that signs is derived from it.
    """

    def __init__(self, pepper: str) -> None:
        derive = HKDF(hashes.SHA256(), _DIGEST_BYTES, salt=None, info=b"genq gallery links")
        self._key = derive.derive(pepper.encode())

    def make(self, grant: GalleryGrant) -> str:
        """Return the token that says this."""
        said = _LAYOUT.pack(grant.tenant_id, grant.expires_at) + grant.end_user.encode()
        signed = said + hmac.digest(self._key, said, hashlib.sha256)
        return GALLERY_PREFIX + base64.urlsafe_b64encode(signed).decode("ascii").rstrip("=")

    def read(self, token: str) -> GalleryGrant | None:
        """Return what a token says; ``None``: it was not made here."""
        written = token.removeprefix(GALLERY_PREFIX)
        if len(written) > _LONGEST:
            return None
        try:
            signed = base64.urlsafe_b64decode(written + "=" * (-len(written) % 4))
            said = signed[:-_DIGEST_BYTES]
            tenant_id, expires_at = _LAYOUT.unpack_from(said)
            end_user = said[_LAYOUT.size :].decode()
        except (binascii.Error, ValueError, struct.error):
            return None
        grant = GalleryGrant(tenant_id, end_user, expires_at)
        # Made anew, so that there is one way only to write each token.
        made = self.make(grant)
        return grant if hmac.compare_digest(made.encode(), token.encode()) else None

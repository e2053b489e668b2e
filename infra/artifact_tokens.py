"""Tokens of artifact links: whoever holds one may fetch one artifact, for a while.

A token reads ``gqa_`` and URL-safe base64 of ``tenant (8 bytes) | job (16) | index (2) | expiry
in seconds since the epoch (8) | HMAC-SHA256 (32)``. Nothing of it is stored.
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

ARTIFACT_PREFIX: Final = "gqa_"
ARTIFACT_PATH: Final = "/v1/artifacts"
"""Below it, a token is the address of what it grants."""

_LAYOUT: Final = struct.Struct(">q16sHq")
_DIGEST_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class ArtifactGrant:
    """What a token says.

    Attributes:
        index: Place among the job's artifacts, from 0.
        expires_at: In seconds since the epoch.
    """

    tenant_id: int
    job_id: UUID
    index: int
    expires_at: int


class ArtifactTokens:
    """Makes and reads tokens.

    Args:
        pepper: ``GENQ_KEY_PEPPER``; the key that signs is derived from it.
    """

    def __init__(self, pepper: str) -> None:
        derive = HKDF(hashes.SHA256(), _DIGEST_BYTES, salt=None, info=b"genq artifact links")
        self._key = derive.derive(pepper.encode())

    def make(self, grant: ArtifactGrant) -> str:
        """Return the token that says this."""
        said = _LAYOUT.pack(grant.tenant_id, grant.job_id.bytes, grant.index, grant.expires_at)
        signed = said + hmac.digest(self._key, said, hashlib.sha256)
        return ARTIFACT_PREFIX + base64.urlsafe_b64encode(signed).decode("ascii")

    def read(self, token: str) -> ArtifactGrant | None:
        """Return what a token says; ``None``: it was not made here."""
        try:
            said = base64.urlsafe_b64decode(token.removeprefix(ARTIFACT_PREFIX))
            tenant_id, job, index, expires_at = _LAYOUT.unpack_from(said)
        except (binascii.Error, ValueError, struct.error):
            return None
        grant = ArtifactGrant(tenant_id, UUID(bytes=job), index, expires_at)
        # Made anew, so that there is one way only to write each token.
        made = self.make(grant)
        return grant if hmac.compare_digest(made.encode(), token.encode()) else None

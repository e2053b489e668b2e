"""Pseudonyms of people: one person of a tenant is one digest, and nobody reads whose."""

import hashlib
import hmac

from infra.settings import Settings


def subject_of(settings: Settings, tenant_id: int, end_user: str | None) -> bytes:
    """Return the pseudonym of one of a tenant's people, 16 bytes; empty if nobody was named.

    HMAC-SHA256 under the installation's pepper, cut to half: tenants cannot be compared, and a
    list of likely names does not help whoever has the table alone.
    """
    if end_user is None:
        return b""
    key = settings.key_pepper.get_secret_value().encode()
    told = f"subject\0{tenant_id}\0{end_user}".encode()
    return hmac.digest(key, told, hashlib.sha256)[:16]

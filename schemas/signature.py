"""Webhook signatures: Standard Webhooks 1.0, symmetric (``v1``).

The signed text is ``{webhook-id}.{webhook-timestamp}.{body}``; the header carries
``v1,<base64 of HMAC-SHA256>``. Secrets read ``whsec_`` and standard, padded base64, the form
that the verifiers of standardwebhooks, svix, openai and replicate all accept.
"""

import base64
import hashlib
import hmac
from typing import Final

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the public prefix, not a secret
SECRET_BYTES: Final = 32

ID_HEADER: Final = "webhook-id"
TIMESTAMP_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"


def format_secret(key: bytes) -> str:
    """Return the text form of a signing key of 24 to 64 bytes."""
    return SECRET_PREFIX + base64.b64encode(key).decode("ascii")


def sign(secret: str, *, message_id: str, at_seconds: int, body: bytes) -> dict[str, str]:
    """Return the three headers of one delivery attempt.

    Args:
        secret: ``whsec_…``.
        message_id: The event's id, the same for every attempt.
        at_seconds: The attempt's time, whole seconds since the epoch.
        body: Exactly the bytes that are sent.
    """
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = f"{message_id}.{at_seconds}.".encode() + body
    digest = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode("ascii")
    return {
        ID_HEADER: message_id,
        TIMESTAMP_HEADER: str(at_seconds),
        SIGNATURE_HEADER: f"v1,{digest}",
    }

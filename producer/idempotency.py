"""The one rule of idempotency keys that callers can break."""

from schemas.errors import IdempotencyConflictError


def refuse_other_body(known: bytes, asked: bytes) -> None:
    """Refuse a key that was used with another body.

    Args:
        known: The digest of the body that came first.
        asked: That of the body that came now.

    Raises:
        IdempotencyConflictError: They differ.
    """
    if known != asked:
        raise IdempotencyConflictError(
            "this Idempotency-Key was used with another body; send the same body, or"
            " another key"
        )

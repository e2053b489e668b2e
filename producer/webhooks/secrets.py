"""Keys that sign for an endpoint: made, sealed, rotated with an overlap."""

import secrets
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.postgres.webhook_secrets import add_secret, expire_secrets
from infra.sealing import Sealer
from schemas.signature import (
    SECRET_BYTES,
    SECRET_PREFIX,
    SEED_BYTES,
    format_private_key,
    format_secret,
    public_key_of,
)
from schemas.webhook_endpoint import Endpoint, secret_place
from schemas.webhooks import SecretKind

_SHOWN: Final = 4


def new_secret() -> str:
    """Return a fresh ``whsec_…``."""
    return format_secret(secrets.token_bytes(SECRET_BYTES))


def hint_of(secret: str) -> str:
    """Return what may be shown of a secret, for people who compare two of them."""
    return f"{SECRET_PREFIX}…{secret.rstrip('=')[-_SHOWN:]}"


async def add_signing_secret(
    connection: AsyncConnection, sealer: Sealer, endpoint: Endpoint
) -> str:
    """Let a new secret sign for an endpoint; return it."""
    secret = new_secret()
    await add_secret(
        connection,
        endpoint.tenant_id,
        endpoint.id,
        kind=SecretKind.HMAC,
        sealed=sealer.seal(secret.encode(), place=secret_place(endpoint.id)),
        hint=hint_of(secret),
    )
    return secret


async def add_key_pair(connection: AsyncConnection, sealer: Sealer, endpoint: Endpoint) -> None:
    """Let a new Ed25519 key sign for an endpoint; its private half never leaves genq."""
    private = format_private_key(secrets.token_bytes(SEED_BYTES))
    await add_secret(
        connection,
        endpoint.tenant_id,
        endpoint.id,
        kind=SecretKind.ED25519,
        sealed=sealer.seal(private.encode(), place=secret_place(endpoint.id)),
        hint="",
        public_key=public_key_of(private),
    )


async def expire(
    connection: AsyncConnection,
    tenant_id: int,
    endpoint_id: UUID | None,
    kind: SecretKind,
    grace_seconds: int,
) -> None:
    """Let the keys of a kind sign on for ``grace_seconds``, and leave room for one more."""
    grace = timedelta(seconds=grace_seconds)
    await expire_secrets(connection, tenant_id, endpoint_id, kind=kind, grace=grace)
